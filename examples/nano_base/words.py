"""Common English words for filler; none of them is a type name."""

from examples.nano_base.listed import words

NOUNS = words(
    "weather bread music road room soup paper question answer idea letter price night water light story house "
    "train boat coffee rain snow wind fire crowd meeting report book school street hill field news year month "
    "week day hour morning evening time life world hand part eye place case point government number group "
    "problem fact state word money body kind side business service member end game line power force change "
    "interest result level information study research history health system program building industry market "
    "trade energy science technology industries media bank steel data film project policy growth cost rate value "
    "sale sales tax budget contract deal share stock profit loss debt loan fund account customer staff worker "
    "workers manager director leader head president official officials spokesman reporter reporters police "
    "officer teacher scientist expert farmer border coast harbour north south east west center centre area land "
    "nation population century decade age birth death career role position post seat season team match goal "
    "series show album band stage audience newspaper article page title chapter speech interview statement "
    "comment decision agreement treaty law court trial vote election campaign war peace army attack gun accident "
    "disaster storm flood crisis investigation charge evidence reason purpose plan effort attempt success "
    "failure risk chance opportunity challenge support aid gift invitation visit trip journey flight ticket car "
    "ship plane bus bridge airport station church hospital library museum hotel restaurant shop factory plant "
    "mine farm garden park river lake sea island forest mountain valley stone wood metal oil gas coal gold "
    "silver food meat fish fruit wheat sugar wine beer tea milk cloth shoe coat hat box bag key lock wall door "
    "window floor roof table lamp clock phone camera radio screen machine engine device model version design "
    "method process theory analysis experiment test sample measure error function task image language network "
    "software computer user web site file code list figure rule order"
)
ADJECTIVES = words(
    "old new cold warm long short strange familiar quiet loud dark bright heavy empty full cheap dear simple "
    "difficult good bad early late wet dry soft hard slow quick rare plain sweet bitter young tall small large "
    "narrow wide clear big great high low local national international public private social political economic "
    "financial legal foreign military medical natural human common recent current former present past future "
    "final main major minor important necessary possible likely certain sure true false real whole single double "
    "second third fourth fifth last next free open closed strong weak rich poor happy sad angry proud famous "
    "popular serious funny beautiful ugly clean dirty safe dangerous modern ancient central northern southern "
    "eastern western European American British French German Italian Spanish Russian Chinese Japanese Indian "
    "African record annual daily monthly"
)
PAST = words(
    "said told asked answered called reported announced declared claimed promised warned expected planned wanted "
    "hoped needed tried started began continued ended stopped opened closed changed moved turned grew rose fell "
    "dropped increased reduced raised lowered gained lost found made sold paid spent cost brought sent took gave "
    "got received kept left returned arrived came went walked ran drove flew travelled stayed died played sang "
    "read wrote talked listened heard saw looked watched showed seemed appeared became remained felt thought "
    "believed knew learned understood remembered forgot decided agreed refused met visited praised criticised "
    "thanked signed published offered used helped elected fired retired fined sued accused arrested killed shot "
    "wounded attacked destroyed damaged saved"
)
ADVERBS = words(
    "again already also always away back before ever far fast here however instead just later longer maybe more "
    "most never now often once only perhaps quite rather really recently since sometimes soon still then there "
    "together too twice usually very well yet about above across after against along among around behind below "
    "beside between beyond during except inside into near off onto outside over past through throughout toward "
    "towards under until up upon with within without according because although while whether though unless"
)
