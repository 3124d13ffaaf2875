"""Words for type names: everyday English, without the words that the gazette uses in its type names."""

from examples.nano_base.inflection import Verb, verb
from examples.nano_base.listed import phrases, words

# The verbs of one line are synonyms: a text may use any of them to state a relation named after another.
_TRANSITIVE = """
repair mend fix restore
rescue save free
assist help aid support
admire adore respect
hate despise loathe
follow pursue chase
defeat beat outwit
attack raid assault
guard protect shield
inspect examine check
decorate adorn
copy imitate
borrow
clean scrub wash
sweep
observe watch monitor
insult mock
scold rebuke
punish penalise
forgive pardon
greet salute
invite summon
escort accompany
guide steer
feed nourish
nurse comfort
cure heal
poison
bury entomb
dig
paint portray depict
sketch draw
photograph
film
print
translate
quote cite
review assess
correct amend
write
edit revise
narrate
illustrate
replace succeed
inherit
steal rob
smuggle
hide conceal
seek hunt
trap catch capture
tame train
ride
harvest
plant
climb ascend
cross traverse
explore
map chart
measure weigh
scan
ignore neglect
forget
remember recall
fear dread
trust
doubt distrust
suspect
accuse blame
defend
judge
obey
oppose resist
threaten menace
warn alert
advise counsel
consult
annoy irritate
amuse entertain
inspire
deceive mislead
betray
surround encircle
enclose contain
touch
connect link
separate divide
damage harm
destroy ruin wreck
burn
import
export
deliver transport
store
load
refuse reject
approve endorse
ban prohibit
regulate
manage oversee supervise
finance fund
insure
tax
rent lease
lend
reward
choose select
adopt
host
kiss hug
nominate
precede
cause trigger
prevent avert
absorb
emit
orbit
eclipse
flood
nickname
evaluate
dissolve
predict foresee
verify confirm
compile
encode
parse
invoke
"""
_PREPOSITIONAL = """
depend_on rely_on
listen_to
care_for
wait_for
pray_for
vote_for
apologise_to
laugh_at
shout_at
trade_with
argue_with quarrel_with
dance_with
travel_with
collaborate_with cooperate_with
merge_with
differ_from
descend_from
escape_from
suffer_from
recover_from
retire_from
result_from
flow_into
drain_into
border_on
point_at
specialise_in
participate_in
invest_in
believe_in
refer_to
react_to
respond_to
object_to
adapt_to
lean_on
sail_to
cook_for
pose_for
"""


def _groups(lines: str) -> tuple[tuple[Verb, ...], ...]:
    return tuple(tuple(verb(word) for word in line.split()) for line in lines.split("\n") if line)


VERBS = _groups(_TRANSITIVE)
PREPOSITIONAL = _groups(_PREPOSITIONAL)

ROLES = words(
    "keeper guest neighbour cousin uncle aunt tutor owner guardian tenant patron pupil servant successor "
    "ancestor enemy "
    "friend captain treasurer secretary architect author editor conductor witness victim heir landlord mentor "
    "apprentice assistant deputy disciple governor member symbol tributary branch sequel fragment part supplier "
    "customer ally opponent translator narrator composer critic nephew niece twin ward bishop minister ambassador "
    "commander curator trustee auditor gardener physician coach scout pilot navigator messenger interpreter"
)
STATES = phrases(
    "moored at|displayed in|buried at|stored in|hidden under|made of|named after|based on|famous for|north of|south of|"
    "east of|west of|next to|older than|taller than|similar to|loyal to|allergic to|parallel to|attached to|"
    "engaged to|exiled to|imprisoned in|trapped in|mentioned in|listed in|written in|dedicated to|close to|opposite to|"
    "related to|equal to|superior to|jealous of|afraid of|proud of|guilty of|capable of|composed of|derived from|"
    "absent from|present at|active in|visible from|anchored off|devoted to|responsible for|known to|"
    "available in|compatible with|covered with|filled with|contained in|used for|used by|caused by|part of"
)


def all_words() -> tuple[str, ...]:
    """Return every form of every verb, and every role, sorted."""
    verbs = [v for group in (*VERBS, *PREPOSITIONAL) for v in group]
    forms = {f for v in verbs for f in (v.base, v.third, v.past, v.participle, v.gerund)}
    return tuple(sorted(forms | set(ROLES)))
