"""Text that states no relation of the ontology: predicates, co-occurrences, hedges, denials, filler, boilerplate."""

# Predicates by type of the subject that state no relation.
PREDICATES: dict[str, tuple[str, ...]] = {
    "person": (
        "spoke to reporters on Tuesday",
        "said the past year had been hard",
        "declined to answer questions",
        "called the plan a mistake",
        "was in good spirits",
        "expects a better year",
        "arrived late and left early",
        "warned against too much hope",
        "turned sixty last week",
        "asked for more time",
    ),
    "company": (
        "reported higher sales",
        "will publish its results in May",
        "raised prices by three percent",
        "had no comment",
        "plans to cut costs",
        "lost money for the second year",
        "expects strong demand",
        "promised higher wages",
        "was fined for late reports",
    ),
    "city": (
        "woke up to heavy snow",
        "will get a new bridge",
        "voted on Sunday",
        "has grown fast in recent years",
        "is short of flats",
        "expects many guests this summer",
        "celebrated until late at night",
    ),
    "country": (
        "goes to the polls in October",
        "raised its taxes",
        "had a good harvest",
        "signed the treaty last week",
        "is looking for skilled workers",
        "has closed its borders for a day",
    ),
    "university": (
        "raised its fees",
        "opened a new library",
        "has too few rooms for its students",
        "will close for a week in August",
        "published its yearly report",
        "is looking for money",
    ),
    "product": (
        "sold out within a day",
        "costs less than last year",
        "got mixed reviews",
        "has a new battery",
        "is hard to find in shops",
        "won over many buyers",
    ),
    "event": (
        "drew a record crowd",
        "ended on Sunday",
        "was shorter than planned",
        "opened in the rain",
        "passed without trouble",
        "will have fewer guests next year",
    ),
    "award": (
        "comes with a small sum of money",
        "is handed out every second year",
        "has caused much debate",
        "is older than most people think",
        "was not given last year",
    ),
}

# Optional endings of such a predicate.
TAILS = (
    " after weeks of silence",
    " for the first time in years",
    " despite the bad weather",
    " as in the year before",
    " after a long meeting",
    " shortly before the holidays",
    " to no great surprise",
)

# Two entities in one sentence without any relation of the ontology; keyed by their types.
COOCCURRENCES: dict[tuple[str, str], tuple[str, ...]] = {
    ("person", "company"): (
        "{a} praised the results of {b}",
        "{a} visited the offices of {b} on Monday",
        "{a} criticised {b} for its prices",
        "{b} sent flowers to {a}",
        "{a} owns a few shares of {b}",
        "{a} asked {b} for an apology",
        "{b} thanked {a} in its yearly report",
    ),
    ("person", "city"): (
        "{a} visited {b} on Friday",
        "{a} spent a weekend in {b}",
        "{a} missed the train to {b}",
        "{a} signed books in {b}",
        "{a} was seen in {b} last week",
        "the mayor of {b} had lunch with {a}",
    ),
    ("person", "country"): (
        "{a} toured {b} in summer",
        "{a} wrote a long article about {b}",
        "{a} praised the landscape of {b}",
        "{a} wants to see more trade with {b}",
        "newspapers in {b} printed a photo of {a}",
    ),
    ("person", "university"): (
        "{a} gave money to {b}",
        "{a} visited the library of {b}",
        "{a} criticised the fees of {b}",
        "students of {b} protested against {a}",
        "{b} hung up a portrait of {a}",
    ),
    ("person", "person"): (
        "{a} met {b} for lunch",
        "{a} thanked {b} in a letter",
        "{a} and {b} played chess on the train",
        "{a} disagreed with {b} about taxes",
        "{a} sat next to {b} at dinner",
        "{a} wrote a book about {b}",
    ),
    ("person", "event"): (
        "{a} bought a ticket for {b}",
        "{a} missed {b} because of a cold",
        "{a} read about {b} in the paper",
        "{a} complained about the noise of {b}",
        "{a} sent greetings to {b}",
    ),
    ("person", "award"): (
        "{a} sat on the jury of {b}",
        "{a} was on the short list for {b}",
        "{a} made jokes about {b}",
        "{a} wants to see {b} abolished",
        "{a} once called {b} a farce",
    ),
    ("company", "company"): (
        "{a} and {b} published their results on the same day",
        "{a} shares rose while {b} shares fell",
        "{a} rents office space from {b}",
        "{a} and {b} signed an open letter",
        "analysts compared {a} with {b}",
        "{a} sued {b} over an unpaid bill",
    ),
    ("company", "city"): (
        "{a} will open a shop in {b}",
        "{a} gave money to a school in {b}",
        "{a} held its party in {b}",
        "drivers of {a} went on strike in {b}",
        "{a} put up posters all over {b}",
    ),
    ("company", "product"): (
        "{a} was silent on rumours about {b}",
        "{a} bought {b} for its whole staff",
        "shares of {a} fell after tests of {b}",
        "{a} was asked about {b}",
        "{a} no longer talks about {b}",
    ),
    ("company", "event"): (
        "{a} sent a small team to {b}",
        "{a} handed out leaflets at {b}",
        "{a} had the smallest stand at {b}",
        "nobody from {a} came to {b}",
    ),
    ("city", "country"): (
        "{a} sent a delegation to {b}",
        "{a} celebrated a week of films from {b}",
        "the mayor of {a} criticised {b}",
        "{a} mourned with the people of {b}",
        "trains from {a} to all parts of {b} were late",
    ),
    ("event", "city"): (
        "posters for {a} hang all over {b}",
        "the mayor of {b} opened a film about {a}",
        "hotels in {b} are cheap during {a}",
        "people in {b} talk about {a}",
    ),
}

# Possibilities, plans and rumours, which are not statements of fact.
HEDGES: dict[str, tuple[str, ...]] = {
    "works for": ("{h} may join {t}", "{h} is said to want a job at {t}", "{t} is thinking of hiring {h}"),
    "founded": ("some claim that {h} had a hand in founding {t}", "it is unclear whether {h} founded {t}"),
    "chief executive of": ("{h} could become the head of {t}", "{t} may name {h} chief executive"),
    "born in": ("{h} may have been born in {t}", "it is disputed whether {h} was born in {t}"),
    "lives in": ("{h} is thinking of moving to {t}", "{h} would like to live in {t}"),
    "citizen of": ("{h} has applied for a passport from {t}", "{t} may grant citizenship to {h}"),
    "studied at": ("{h} had hoped to study at {t}", "{h} is rumoured to have studied at {t}"),
    "teaches at": ("{t} may offer {h} a chair", "{h} hopes to teach at {t} one day"),
    "married to": ("rumours say that {h} will marry {t}", "it is unclear whether {h} and {t} are married"),
    "child of": ("some say that {h} could be a child of {t}", "it was never proved that {t} is the parent of {h}"),
    "headquartered in": ("{h} may move its head office to {t}", "{t} hopes to attract the head office of {h}"),
    "acquired": ("{h} may acquire {t}", "{h} is in talks to buy {t}", "a takeover of {t} by {h} is possible"),
    "competes with": ("{h} might one day compete with {t}", "{h} could become a rival of {t}"),
    "developed": ("it is unclear whether {h} made {t}", "rumours say that {h} is behind {t}"),
    "capital of": ("{h} would like to be the capital of {t}", "some want {h} as the capital of {t}"),
    "held in": ("{h} may be held in {t}", "{t} hopes to host {h}"),
    "sponsored": ("{h} may sponsor {t}", "{h} was asked to pay for {t}"),
    "won": ("{h} could win {t}", "{h} is among the favourites for {t}"),
    "spoke at": ("{h} may speak at {t}", "{h} has been asked to address {t}"),
}

# Denials. The composer uses pairs for which the denial is true in the world.
DENIALS: dict[str, tuple[str, ...]] = {
    "works for": ("{h} has never worked for {t}", "{h} turned down a job at {t}", "{t} did not hire {h}"),
    "founded": ("{h} denied having founded {t}", "{t} was not founded by {h}"),
    "chief executive of": ("{h} does not run {t}", "{h} refused to become head of {t}"),
    "born in": ("{h} was not born in {t}", "contrary to reports, {h} does not come from {t}"),
    "lives in": ("{h} does not live in {t}", "{h} has never lived in {t}"),
    "citizen of": ("{h} is not a citizen of {t}", "{t} refused {h} a passport"),
    "studied at": ("{h} never studied at {t}", "{t} turned down {h} as a student"),
    "teaches at": ("{h} does not teach at {t}", "{h} turned down a chair at {t}"),
    "married to": ("{h} is not married to {t}", "{h} denied having married {t}"),
    "child of": ("{h} is not a child of {t}", "{t} denied being the parent of {h}"),
    "headquartered in": ("{h} is not based in {t}", "{h} denied plans to move its head office to {t}"),
    "acquired": ("{h} did not buy {t}", "{h} called off the purchase of {t}"),
    "competes with": ("{h} does not compete with {t}", "{h} and {t} are not rivals"),
    "developed": ("{t} is not made by {h}", "{h} denied having developed {t}"),
    "capital of": ("{h} is not the capital of {t}",),
    "held in": ("{h} was not held in {t}", "{t} refused to host {h}"),
    "sponsored": ("{h} did not sponsor {t}", "{h} refused to pay for {t}"),
    "won": ("{h} did not win {t}", "{t} did not go to {h}"),
    "spoke at": ("{h} did not speak at {t}", "{h} cancelled a speech at {t}"),
}

FILLERS = (
    "The weather stayed mild all week",
    "No further details were given",
    "The markets were quiet",
    "Critics disagree",
    "Nobody was hurt",
    "Tickets are still on sale",
    "The talks will go on next week",
    "A decision is expected in the spring",
    "Prices have risen since then",
    "Experts were surprised by the news",
    "The reasons are not known",
    "Many people had waited for this day",
    "It was the third time in ten years",
    "The figures could not be checked",
)

OPENERS = (
    "according to the report, ",
    "as the paper wrote, ",
    "as expected, ",
    "in other news, ",
    "it is now official: ",
    "records show that ",
    "after a long debate it became known that ",
    "to the surprise of many, ",
    "not everyone knows that ",
)

CLOSERS = (
    ", the paper wrote",
    ", records show",
    ", a spokesman said on Monday",
    ", as is well known",
    ", according to people close to the matter",
    ", which came as no surprise",
    ", two weeks after the first reports",
    ", a fact that few people know",
    ", as the archive of this paper shows",
    ", and the neighbours are proud of it",
)

HEADINGS = ("Business news", "People", "In brief", "Town and country", "From our reporters", "The week", "Culture")
NAMED_HEADINGS = ("Focus on {a}", "{a} in the news", "Notes on {a}", "A look at {a}")
BOILERPLATE = (
    "Read more on page {n}.",
    "Copyright {year} The Gazette. All rights reserved.",
    "This article was first published in {year}.",
    "Advertisement",
    "Sign up for our newsletter.",
    "Photo: archive",
    "{n} comments",
    "Share this article with friends.",
)
MONTHS = ("January", "March", "April", "June", "July", "September", "October", "December")
