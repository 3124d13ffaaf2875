"""Phrases that state each relation.

`{h}` is the head of the relation, `{t}` its tail. A clause that begins with a slot has that entity as its subject, so
the composer can replace it by a pronoun, join two clauses with the same subject, or turn a clause into "who ...". Names
include their article ("the Lorin Prize"), so no phrase has one before a slot.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrasing:
    """Phrases of one relation by construction.

    active, passive: clauses with the subject first. apposition: noun phrases whose first slot is their referent.
    prenominal: noun phrases whose last slot is their referent. nominal: complete clauses built on a noun.
    many: clauses with a list, `{hs}` or `{ts}`, in place of one end.
    """

    active: tuple[str, ...]
    passive: tuple[str, ...]
    apposition: tuple[str, ...]
    prenominal: tuple[str, ...]
    nominal: tuple[str, ...]
    many: tuple[str, ...] = ()


PHRASES: dict[str, Phrasing] = {
    "works for": Phrasing(
        active=(
            "{h} works for {t}",
            "{h} joined {t} as an engineer",
            "{h} has a job at {t}",
            "{h} is on the staff of {t}",
            "{t} employs {h}",
            "{t} hired {h} two years ago",
            "{h} took a post at {t}",
        ),
        passive=("{h} is employed by {t}", "{h} was hired by {t}", "{h} was recruited by {t} in spring"),
        apposition=("{h}, an engineer at {t}", "{h}, a manager with {t}", "{t}, where {h} works"),
        prenominal=("{t} engineer {h}", "{t} employee {h}", "{h}'s employer {t}"),
        nominal=("{h}'s employer is {t}", "the staff of {t} includes {h}", "{h}'s job at {t} began in autumn"),
        many=("{hs} joined {t}", "{t} hired {hs}", "{hs} work for {t}", "{t} has given jobs to {hs}"),
    ),
    "founded": Phrasing(
        active=(
            "{h} founded {t}",
            "{h} started {t} in a garage",
            "{h} set up {t} with borrowed money",
            "{h} built {t} from nothing",
            "{h} created {t} after a long illness",
        ),
        passive=("{t} was founded by {h}", "{t} was set up by {h}", "{t} was started by {h} in a small flat"),
        apposition=("{h}, the founder of {t}", "{h}, who started {t}", "{t}, the brainchild of {h}"),
        prenominal=("{t} founder {h}", "{t} co-founder {h}"),
        nominal=("{t} was the idea of {h}", "the founder of {t} is {h}", "{t} owes its existence to {h}"),
        many=("{hs} founded {t}", "{t} was founded by {hs}", "{hs} started {t} together"),
    ),
    "chief executive of": Phrasing(
        active=(
            "{h} runs {t}",
            "{h} leads {t}",
            "{h} is the chief executive of {t}",
            "{h} took the helm of {t}",
            "{t} named {h} chief executive",
            "{h} is in charge of {t}",
        ),
        passive=("{t} is led by {h}", "{t} is run by {h}", "{h} was appointed head of {t}"),
        apposition=("{h}, the head of {t}", "{h}, chief executive of {t}", "{t}, led by {h}"),
        prenominal=("{t} boss {h}", "{t} chief {h}", "{t} chief executive {h}"),
        nominal=("the top job at {t} belongs to {h}", "the chief executive of {t} is {h}", "{t}'s boss is {h}"),
    ),
    "born in": Phrasing(
        active=(
            "{h} comes from {t}",
            "{h} is a native of {t}",
            "{h} came into the world in {t}",
            "{h} first saw the light of day in {t}",
        ),
        passive=("{h} was born in {t}", "{h} was born to a poor family in {t}", "{h} was born near the harbour of {t}"),
        apposition=("{h}, born in {t}", "{h}, a native of {t}", "{t}, the birthplace of {h}"),
        prenominal=("{t} native {h}", "{t}-born {h}", "{h}'s birthplace {t}"),
        nominal=("{h}'s birthplace is {t}", "{t} is the birthplace of {h}", "{h}'s cradle stood in {t}"),
        many=("{hs} were born in {t}", "{hs} come from {t}", "{t} is the birthplace of {hs}"),
    ),
    "lives in": Phrasing(
        active=(
            "{h} lives in {t}",
            "{h} has a house in {t}",
            "{h} settled in {t}",
            "{h} resides in {t}",
            "{h} made a home in {t}",
            "{h} moved to {t} for good",
        ),
        passive=("{h} is settled in {t}", "{h} is registered as a resident of {t}"),
        apposition=("{h}, who lives in {t}", "{h}, a resident of {t}", "{t}, now home to {h}"),
        prenominal=("{t} resident {h}", "{t}-based {h}", "{h}'s home town {t}"),
        nominal=("{h}'s home is in {t}", "{t} is home to {h}", "the residents of {t} include {h}"),
        many=("{hs} live in {t}", "{t} is home to {hs}", "{hs} settled in {t}"),
    ),
    "citizen of": Phrasing(
        active=(
            "{h} is a citizen of {t}",
            "{h} holds a passport from {t}",
            "{h} took the nationality of {t}",
            "{t} granted citizenship to {h}",
            "{t} gave {h} a passport",
        ),
        passive=("{h} was naturalised in {t}", "{h} was granted citizenship by {t}"),
        apposition=("{h}, a citizen of {t}", "{h}, who holds a passport from {t}", "{h}, a national of {t}"),
        prenominal=("{t} citizen {h}", "{t} national {h}"),
        nominal=("{h}'s passport is from {t}", "{h}'s nationality is that of {t}", "the citizens of {t} include {h}"),
        many=("{hs} are citizens of {t}", "{t} granted citizenship to {hs}"),
    ),
    "studied at": Phrasing(
        active=(
            "{h} studied at {t}",
            "{h} graduated from {t}",
            "{h} took a degree at {t}",
            "{h} read law at {t}",
            "{t} awarded {h} a degree",
        ),
        passive=("{h} was educated at {t}", "{h} was trained as a doctor at {t}", "{h} was a student at {t}"),
        apposition=("{h}, a graduate of {t}", "{h}, who studied at {t}", "{h}, a former student of {t}"),
        prenominal=("{t} graduate {h}", "{t} alumnus {h}"),
        nominal=("{t} counts {h} among its alumni", "{h}'s degree is from {t}", "{h}'s student years passed at {t}"),
        many=("{hs} studied at {t}", "{hs} graduated from {t}", "the alumni of {t} include {hs}"),
    ),
    "teaches at": Phrasing(
        active=(
            "{h} teaches at {t}",
            "{h} is a professor at {t}",
            "{h} lectures at {t}",
            "{h} holds a chair at {t}",
            "{t} appointed {h} as lecturer",
        ),
        passive=("{h} was made professor at {t}", "{h} was appointed to a chair at {t}"),
        apposition=("{h}, a professor at {t}", "{h}, who teaches at {t}", "{h}, a lecturer at {t}"),
        prenominal=("{t} professor {h}", "{t} lecturer {h}"),
        nominal=("the teaching staff of {t} includes {h}", "{h}'s lectures at {t} are full", "{h}'s chair is at {t}"),
        many=("{hs} teach at {t}", "{t} appointed {hs} as lecturers"),
    ),
    "married to": Phrasing(
        active=(
            "{h} married {t}",
            "{h} wed {t} in June",
            "{h} is the spouse of {t}",
            "{h} and {t} are a married couple",
            "{h} shares a home and a name with spouse {t}",
        ),
        passive=("{h} is married to {t}", "{h} and {t} were married in a small chapel", "{h} and {t} were wed in May"),
        apposition=("{h}, the spouse of {t}", "{h}, who is married to {t}", "{h}, the partner by marriage of {t}"),
        prenominal=("{t}'s spouse {h}", "{h}'s better half {t}"),
        nominal=(
            "the wedding of {h} and {t} drew a crowd",
            "{h}'s spouse is {t}",
            "the marriage of {h} and {t} is a happy one",
        ),
    ),
    "child of": Phrasing(
        active=(
            "{h} is a child of {t}",
            "{t} is the parent of {h}",
            "{t} brought up {h} alone",
            "{h} calls {t} a strict parent",
            "{t} has a grown child, {h}",
        ),
        passive=("{h} was born to {t}", "{h} was brought up by parent {t}", "{h} was raised as the child of {t}"),
        apposition=("{h}, a child of {t}", "{t}, the parent of {h}", "{h}, the eldest child of {t}"),
        prenominal=("{h}'s parent {t}", "{t}'s child {h}", "{t}'s youngest {h}"),
        nominal=("{h}'s parent is {t}", "{t}'s eldest child is {h}", "the children of {t} include {h}"),
        many=("{t} is the parent of {hs}", "{hs} are children of {t}", "{t}'s children are {hs}"),
    ),
    "headquartered in": Phrasing(
        active=(
            "{h} has its main office in {t}",
            "{h} keeps its head office in {t}",
            "{t} hosts the head office of {h}",
            "{h} moved its headquarters to {t}",
            "{h} has its seat in {t}",
        ),
        passive=("{h} is headquartered in {t}", "{h} is based in {t}", "{h} is run from offices in {t}"),
        apposition=("{h}, based in {t}", "{h}, which has its head office in {t}", "{t}, the seat of {h}"),
        prenominal=("{t}-based {h}", "{t} firm {h}", "{t} company {h}"),
        nominal=("{h}'s headquarters are in {t}", "the head office of {h} stands in {t}", "{h}'s seat is {t}"),
        many=("{hs} are based in {t}", "{t} hosts the head offices of {hs}"),
    ),
    "acquired": Phrasing(
        active=(
            "{h} acquired {t}",
            "{h} bought {t}",
            "{h} took over {t}",
            "{h} completed the purchase of {t}",
            "{h} swallowed its neighbour {t}",
        ),
        passive=("{t} was acquired by {h}", "{t} was bought by {h}", "{t} was taken over by {h} for cash"),
        apposition=("{h}, the new owner of {t}", "{t}, now owned by {h}", "{t}, a unit of {h}"),
        prenominal=("{h} subsidiary {t}", "{h} unit {t}", "{t}'s parent company {h}"),
        nominal=("the takeover of {t} by {h} is complete", "{t}'s owner is {h}", "{t} is now part of {h}"),
        many=("{h} bought {ts}", "{h} has acquired {ts}", "{ts} were taken over by {h}"),
    ),
    "competes with": Phrasing(
        active=(
            "{h} competes with {t}",
            "{h} fights {t} for customers",
            "{h} took market share from {t}",
            "{h} and {t} are rivals",
            "{h} undercut its competitor {t}",
        ),
        passive=("{h} is challenged by its rival {t}", "{h} was beaten on price by its rival {t}"),
        apposition=("{h}, a rival of {t}", "{h}, the main competitor of {t}", "{h}, which competes with {t}"),
        prenominal=("{t} rival {h}", "{h} competitor {t}", "{h}'s rival {t}"),
        nominal=(
            "the rivalry between {h} and {t} is old",
            "{h}'s fiercest competitor is {t}",
            "the price war between {h} and {t} goes on",
        ),
    ),
    "developed": Phrasing(
        active=(
            "{h} developed {t}",
            "{h} makes {t}",
            "{h} designed {t} in secret",
            "{h} released {t} in spring",
            "{h} builds {t} in its own plant",
            "{h} brought {t} to market",
        ),
        passive=("{t} was developed by {h}", "{t} is made by {h}", "{t} was designed by {h}"),
        apposition=("{h}, the maker of {t}", "{t}, made by {h}", "{t}, a creation of {h}"),
        prenominal=("{t} maker {h}", "{h}'s flagship {t}", "{h}'s best seller {t}"),
        nominal=("{t} is the work of {h}", "the maker of {t} is {h}", "{h}'s latest product is {t}"),
        many=("{h} makes {ts}", "{h} developed {ts}", "{ts} are made by {h}"),
    ),
    "located in": Phrasing(
        active=(
            "{h} lies in {t}",
            "{h} is a city in {t}",
            "{h} belongs to {t}",
            "{h} stands on the coast of {t}",
            "{t} counts {h} among its towns",
        ),
        passive=("{h} is located in {t}", "{h} is situated in the north of {t}", "{h} is found in {t}"),
        apposition=("{h}, a town in {t}", "{h}, in the south of {t}", "{h}, a port of {t}"),
        prenominal=("{t}'s industrial town {h}", "{t}'s old port {h}"),
        nominal=("the towns of {t} include {h}", "{h}'s place on the map is in {t}", "{t}'s second city is {h}"),
        many=("{hs} lie in {t}", "{hs} are cities in {t}", "the largest towns of {t} are {hs}"),
    ),
    "capital of": Phrasing(
        active=(
            "{h} is the capital of {t}",
            "{h} serves as the capital of {t}",
            "{t} has its government in {h}",
            "{t} chose {h} as its capital",
            "{h} houses the parliament of {t}",
        ),
        passive=("{h} was made the capital of {t}", "{t} is governed from {h}", "{t} is ruled from {h}"),
        apposition=("{h}, the capital of {t}", "{h}, seat of the government of {t}", "{h}, capital city of {t}"),
        prenominal=("{t}'s capital {h}", "{t}'s capital city {h}"),
        nominal=("{t}'s capital is {h}", "the capital of {t} is {h}", "the seat of government of {t} is {h}"),
    ),
    "held in": Phrasing(
        active=(
            "{h} took place in {t}",
            "{h} opened its doors in {t}",
            "{t} hosted {h}",
            "{h} fills the halls of {t} each year",
            "{h} returned to {t} as every year",
        ),
        passive=("{h} was held in {t}", "{h} is staged in {t}", "{h} was hosted by {t}"),
        apposition=("{h}, held in {t}", "{h}, which takes place in {t}", "{t}, host of {h}"),
        prenominal=("{h}'s host city {t}", "{t}'s own {h}"),
        nominal=("the host city of {h} is {t}", "{h}'s venue is in {t}", "the setting for {h} was {t}"),
        many=("{t} hosted {hs}", "{hs} took place in {t}", "{hs} were held in {t}"),
    ),
    "sponsored": Phrasing(
        active=(
            "{h} sponsored {t}",
            "{h} paid for {t}",
            "{h} backed {t} with a large sum",
            "{h} put its name and money behind {t}",
            "{h} was the main partner of {t}",
        ),
        passive=("{t} was sponsored by {h}", "{t} was paid for by {h}", "{t} is financed by {h}"),
        apposition=("{h}, sponsor of {t}", "{h}, the main backer of {t}", "{t}, sponsored by {h}"),
        prenominal=("{t} sponsor {h}", "{t} backer {h}"),
        nominal=("{t}'s main sponsor is {h}", "the money for {t} came from {h}", "the sponsors of {t} include {h}"),
        many=("{hs} sponsored {t}", "{t} was sponsored by {hs}", "the sponsors of {t} were {hs}"),
    ),
    "won": Phrasing(
        active=(
            "{h} won {t}",
            "{h} received {t}",
            "{h} took home {t}",
            "{h} carried off {t}",
            "{t} went to {h}",
        ),
        passive=("{h} was awarded {t}", "{h} was honoured with {t}", "{t} was given to {h}"),
        apposition=("{h}, winner of {t}", "{h}, who won {t}", "{h}, a past holder of {t}"),
        prenominal=("{t} winner {h}", "{t} laureate {h}"),
        nominal=("the winner of {t} is {h}", "the jury of {t} chose {h}", "{h}'s trophies include {t}"),
        many=("{hs} shared {t}", "{t} went to {hs}", "{hs} won {t}"),
    ),
    "spoke at": Phrasing(
        active=(
            "{h} spoke at {t}",
            "{h} gave a talk at {t}",
            "{h} addressed {t}",
            "{h} opened {t} with a speech",
            "{h} took the stage at {t}",
        ),
        passive=("{h} was heard at {t}", "{h} was invited to speak at {t} and did", "{t} was opened by {h}"),
        apposition=("{h}, a speaker at {t}", "{h}, who addressed {t}", "{h}, the keynote speaker of {t}"),
        prenominal=("{t} speaker {h}", "{t} keynote speaker {h}"),
        nominal=("{h}'s speech at {t} was short", "the speakers at {t} included {h}", "{h}'s talk closed {t}"),
        many=("{hs} spoke at {t}", "the speakers at {t} were {hs}", "{hs} gave talks at {t}"),
    ),
}
