"""Word lists of the coach: who acts, what a person fails to do, what marks a mistake. All in lower case."""


def listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


PEOPLE = listed(
    "engineer engineers developer developers operator operators admin admins administrator administrators "
    "sysadmin sysadmins dba dbas "
    "technician technicians employee employees contractor contractors intern interns colleague colleagues teammate teammates "
    "programmer programmers coder coders tester testers maintainer maintainers author reviewer reviewers "
    "committer analyst analysts "
    "consultant consultants someone somebody sre sres staff person whoever guy he she i commander architect trainee apprentice "
    "electrician on-call approver designer scientist specialist owner captain freelancer graduate newcomer employee boss "
    "supervisor "
    "director clerk researcher student cto ceo"
)
# These are people only after one of the words: a session manager or a worker is a program.
PEOPLE_AFTER = {
    "member": listed("team staff crew support squad a another the some"),
    "members": listed("team staff crew support squad some two several"),
    "agent": listed("support service customer"),
    "manager": listed(
        "release product project engineering incident change account line delivery office duty shift operations it the a our"
    ),
    "managers": listed("release product project engineering incident change account line delivery the our"),
    "lead": listed(
        "team tech technical incident engineering squad ops operations network platform security support product project "
        "qa development database infrastructure release shift data"
    ),
    "responder": listed("first incident on-call call"),
    "responders": listed("first incident on-call call the"),
    "hire": listed("new recent"),
    "officer": listed("security duty information privacy compliance operations"),
    "starter": listed("new"),
    "starters": listed("new"),
    "joiner": listed("new"),
    "worker": listed("maintenance construction data-center datacenter"),
}
# Several people: one of the words that show whose stands before.
GROUPS = listed("team squad crew department management")
WHOSE = listed("the our this another their a whole")
# They are mostly those who were hurt: only the clearest patterns are about them.
OUTSIDERS = listed("user users customer customers")
# A word for a person followed by one of these is another thing: user interface, operator console.
THINGS = listed(
    "interface interfaces console consoles page pages account accounts pod pods session sessions traffic role "
    "roles access input request "
    "requests data service services tool tools guide experience impact panel portal image images id ids key keys "
    "token tokens group groups "
    "pool pools plane namespace permissions password passwords workload workloads facing agents agent queue "
    "queues api apis server servers "
    "rotation rotations schedule schedules team teams library libraries side connection connections process "
    "processes pipeline pipelines script scripts application applications time times resources member members lead leads "
    "owners chat "
    "channel meeting meetings call calendar board boards name names"
)
# Some operators are programs: of these verbs, either can be meant.
PROGRAMS_TOO = listed("operator operators agent manager")
MODIFIERS = listed(
    "the a an our my your his her their this that another one some any every each both two three several all new "
    "junior senior tired same "
    "other on-call on call previous responsible duty lead network database support release platform security "
    "production operations ops "
    "storage experienced inexperienced system systems software site reliability night shift external internal "
    "third-party single of us "
    "devops infrastructure cloud data backend frontend human well-meaning unsuspecting careless distracted "
    "team's vendor's member members"
)
PREPOSITIONS = listed("to from for with of on at in into by against about between via through as like than per")
# Verbs of finding out, telling and mending: a person who does these fails at nothing.
FINDING = listed(
    "found find finds noticed notices notice discovered discovers identified identifies identify saw sees "
    "observed observes reported "
    "reports report realised realized detected detects spotted confirmed confirms investigated suspected "
    "received corrected corrects fixed "
    "fixes reverted reverts rolled replaced repaired restored mentions mentioned said says explained explains "
    "informed informs told asked "
    "asks tells pointed determined concluded verified learned saw suspects reproduced diagnosed flagged raised alerted updated "
    "worked works helped tried restore restoring began continued checked analysed analyzed traced recovered "
    "mitigated resolved got gets warned called"
)
# Words after which another clause with a subject of its own begins.
CLAUSE_ENDS = listed(
    "but because since when while although though until after before so if unless whereas where that which whether how why what"
)

# Accounts are named after these as well, but a sentence that begins with one isn't about a person.
NO_NAMES = PEOPLE | listed(
    "the and for not this that these those our your his her its all any each every some one two new old no "
    "nobody who what when where why "
    "how but with without from into after before since while until then here there now yes just only also team "
    "squad group company bot "
    "robot service services system systems admin root user users test tests tester demo sample support release "
    "releases deploy deployment "
    "production staging platform security operations network database data site web mail api job jobs script "
    "pipeline build backup monitor "
    "monitoring alert alerts server node cluster storage cloud engineering product project office desk help info "
    "sales talk rodeo van von "
    "der den del las los san april may june august"
)

# First names, family names and names of accounts that are words, or tools, as well. Alone they name nobody.
WORD_NAMES = listed(
    "abbot ace   amber angel ansible ant apache apollo april archer argo art asia athena atlas august aurora austin autumn "
    "axel baker bamboo bank banks basil bazel bear bell berg best bill bird bishop  bolt boston boy brook brooke brooks "
    "brown buck "
    "bush butler caddy carpenter carter carver case cash cassandra chad chance chandler charity chase chef china chip   circle "
    "clay cliff colt conan constance consul cook cooper cortana crane crystal daisy dale dallas dash dawn day dean delta "
    "denver destiny "
    "docker dolly don dot drake drew drone druid duke dusty earl east echo ember eve faith falcon  ferry field fields finch "
    "fisher "
    "flint flora flux forest fox frank french gale gardener gem gene  gin ginger glance glen go gold good grace grant gray green "
    "grey guy hal hall hardy harbor harmony hart haven hawk hazel head heat heath heather helm hill hive holly hope horizon "
    "house houston "
    "hudson hunt hunter iris ironic ivy  jade jaeger jar  java   jenkins jet jira job   joy juno jupiter kafka "
    "keystone king kit knight knot lake lamb lance lane lark law  lightning lily link little loki london long love lucky "
    "luigi luna "
    "magnum major march  mark mars marsh marshal marshall mason maven  may maya mercury mercy   mimir mint misty moon "
    "moss munin nagios neo neutron new nexus ninja noble nomad norm north nova oak ocean olive opal orion packer page paris "
    "park parker "
    "pascal pat patience patrol patty  pearl penny pepper perl phoenix pig pip poppy porter post potter power price prince "
    "prometheus "
    "prudence puppet queen  rain rails  red reed reef rich river rivers  robin rock rocky rod rook root  rose rosemary  "
    "royal ruby rush rust rusty sage salt sandy scout sentry shepherd sharp short sierra silver sky small smart smith sol "
    "sonar sonny "
    "south spark spring star steel  sterling stone storm strong summer sun sunny swift  teddy tempo thanos titan  trace "
    "travis trinity trip turner van vault venus verity victor  viola violet  walker ward watson wave weaver web west "
    "white will winter wise wolf wood woods young"
)

# What may be said at once of somebody who does something.
PAST = (
    "was|were|had|has|did|didn't|wasn't|weren't|hadn't|never|ran|wrote|took|went|broke|forgot|forgets|chose|threw|gave|came|"
    "drove|knew|"
    "began|overwrote|mistook|misread|put|set|left|made|sent|cut|let|got|held|kept|lost|shut|built|brought|thought|hit|"
    "misunderstood|"
    "read|slept|told|fell|drew|undid|rebuilt|reset|overlooks|neglects|ignores"
)
# What somebody brings in when it would have helped.
REMEDIES = (
    "tests?|testing|reviews?|canary|canaries|alerts?|alerting|alarms?|monitoring|documentation|runbooks?|checklists?|"
    "dashboards?|limits?|"
    "limiting|flags?|checks?|checking|automation|training|rehearsals?|runs?|drills?|rollbacks?|escalation|validation|"
    "linters?|linting|"
    "gates?|approvals?|staging|backups?|redundancy|failovers?|locks?|locking|guards?|timeouts?|quotas?|back-?off|"
    "communication|plans?|"
    "planning|metrics?|logs?|logging|audits?|procedures?|warnings?|breakers?|isolation|pairs?|reading|look|handover|"
    "confirmation|prompt"
)
MORE = (
    "more|better|earlier|faster|smaller|stricter|extra|additional|proper|simple|second|good|regular|clearer|careful|quicker|"
    "closer|"
    "sooner|tighter|gradual|staged|dedicated|basic|single"
)

MARKERS = (
    "accidentally|mistakenly|inadvertently|unintentionally|wrongly|incorrectly|erroneously|carelessly|"
    "negligently|unknowingly|prematurely|"
    "improperly|blindly|foolishly|unwittingly|hastily|recklessly|accidently|thoughtlessly|sloppily"
)
# What a person does not do, where a system could not either do or leave it.
CARE = (
    "notice|noticed|realise|realised|realize|realized|catch|caught|check|checked|double-check|double-checked|verify|verified|"
    "test|tested|retest|retested|"
    "validate|validated|consider|considered|anticipate|anticipated|foresee|foreseen|predict|predicted|think|"
    "thought|communicate|"
    "communicated|follow|followed|review|reviewed|remember|remembered|understand|understood|appreciate|"
    "appreciated|spot|spotted|"
    "recognise|recognised|recognize|recognized|plan|planned|prepare|prepared|prioritise|prioritised|prioritize|"
    "prioritized|react|reacted|"
    "respond|responded|escalate|escalated|inform|informed|notify|notified|tell|told|document|documented|"
    "coordinate|coordinated|look|"
    "looked|read|ensure|ensured|account|accounted|expect|expected|monitor|monitored|bother|bothered|pay|paid|ask|"
    "asked|know|known|"
    "act|acted|care|cared|renew|renewed|rotate|rotated|involve|involved|consult|consulted|question|questioned|"
    "measure|measured|practise|practised|practice|practiced|rehearse|rehearsed|simulate|simulated|investigate|"
    "investigated|address|"
    "addressed|fix|fixed|update|updated|take|taken|disable|disabled|include|included|detect|detected|identify|"
    "identified|see|seen|"
    "configure|configured|set|clean|cleaned|keep|kept|train|trained|disclose|disclosed|heed|heeded|allocate|warn|"
    "warned|announce|"
    "announced|roll|rolled|stop|stopped|use|used|apply|applied|add|added|put|stage|staged|staff|raise|raised|"
    "treat|treated|write|wrote"
)
# Of these verbs, a person's “did not” is a plain fact as often as not.
FACTS = listed(
    "see seen expect expected use used take taken set fix fixed apply applied add added put include included "
    "keep kept roll rolled stop stopped raise raised write wrote know known investigate investigated"
)
# A person's “did not” of these is no omission.
NO_OMISSIONS = FACTS | listed(
    "have see receive get need want find observe experience lose work say mention join agree go help cause "
    "change show appear start exist "
    "change want mean try manage succeed seem feel hear object belong require report give come affect support"
)
MISDEEDS = (
    "forgot|forgets|forgotten|forget|neglected|neglects|neglect|ignored|overlooked|misread|mistyped|"
    "misconfigured|misunderstood|"
    "misinterpreted|mishandled|misjudged|misspelled|misused|botched|messed up|screwed up|broke(?! (?:down|up|out|even|off))|"
    "skipped|slept "
    "through|fat-fingered|"
    "bungled|fumbled|mixed up|missed|disregarded|omitted|failed to|fails to|fail to|disobeyed|violated|dismissed|"
    "underestimated|panicked|guessed|gambled|rubber-stamped|waved (?:\\w+ ){1,4}through|locked (?:himself|herself|themselves|"
    "myself|us) out|"
    "made (?:it|things|matters) worse|overwrote|clobbered|lost the overview|kept (?:ignoring|postponing|delaying|putting "
    "off)|(?:pressured|pushed|rushed|forced) (?:\\w+ "
    "){1,5}?into|took it upon|left (?:it|them|him|her|[a-z]+(?: [\\w-]+){1,5}?) (?:on|open|off|enabled|disabled|running|"
    "unlocked|behind|"
    "exposed|unattended|unpatched|unprotected|in place|in production)|cut corners|jumped the gun|"
    "lost track|didn't bother|should have known|should've known|rushed|thought it was|thought were|thought was|"
    "thought they were|thought (?:that )?(?:he|she|i) was|"
    "wasn't paying attention|was not paying attention|wasn't careful|was not careful"
)
UNAWARE = (
    r"(?:was|were|is|are|wasn't|weren't)(?: not|n't)?(?: \w+)? (?:unaware|oblivious)|(?:was not|were not|wasn't|"
    r"weren't)(?: \w+)? aware|"
    r"(?:was|were) (?:too )?(?:slow to|late to|careless|sloppy|negligent|distracted|inattentive|lazy|reckless|"
    r"confused|inexperienced|adamant|stubborn|overconfident|complacent|unwilling|unqualified|untrained|unprepared|impatient|"
    r"asleep|"
    r"drunk|ignorant|in a (?:hurry|rush)|under the (?:false |wrong )?impression|convinced|unfamiliar)"
)
CREATED = (
    "pushed|deployed|merged|applied|released|shipped|committed|introduced|uploaded|wrote|added|created|"
    "configured|made|copied|entered|"
    "published|set|used|rolled out|left|submitted|installed|specified"
)
LOST = (
    "deleted|deletes|dropped|drops|wiped|wipes|erased|erases|destroyed|destroys|truncated|purged|overwrote|"
    "formatted|nuked|rm'd"
)
# What somebody unnamed does in a story of blame: “an engineer changed the route”. A role that is known does its work.
CHANGES = (
    "deleted|removed|changed|pushed|merged|executed|ran|disabled|edited|modified|turned off|switched off|stopped|killed|"
    "issued|typed|"
    "entered|committed|pressed|hit|clicked|cut|pulled|unplugged|dropped|wiped|purged|altered|swapped|bumped|renamed|moved|"
    "uploaded|"
    "copied|pasted|bypassed|overrode|forced|revoked|reset|truncated|published|formatted|tripped|locked"
)
# What is changed to help.
HELPFUL = (
    "fix|fixes|patch|hotfix|workaround|rollback|revert|mitigation|lock|locks|alert rule|ticket|diagnostic|diagnostics|query|"
    "queries|report|"
    "comment|update|restore|test|tests|backup|check|checks|runbook|health|manually|traffic"
)
# What people do in their work: of any other verb, a story of what went wrong makes them the cause.
WORK = FINDING | listed(
    "walked talked sat stood explained sorted split worked signed-off was were had did restarted made got put set took gave "
    "came went left kept held ran wrote sent built led met spoke read "
    "saw drew spent heard "
    "knew learnt thought felt started joined declared handed escalated paged acknowledged rebooted deployed applied added "
    "increased scaled "
    "raised opened closed enabled suggested reviewed agreed decided followed used needed wanted looked posted contacted "
    "created prepared "
    "drained cleared moved stayed failed picked compared proposed volunteered managed assisted coordinated documented shared "
    "performed "
    "conducted responded involved assigned engaged logged connected inspected examined listed provided received published "
    "attempted "
    "assumed initiated executed triggered scheduled requested approved merged returned switched turned stopped drafted "
    "concluded isolated "
    "narrowed extended arrived completed finished changed removed deleted granted promoted demoted released muted silenced "
    "evaluated "
    "appointed migrated installed configured upgraded downgraded refreshed copied submitted measured monitored watched "
    "waited stepped "
    "cordoned cycled flushed rotated renewed redeployed rebuilt reinstalled reconnected re-enabled reloaded resent synced "
    "validated visited "
    "discussed considered planned expected believed hoped answered replied commented presented trained supported owned "
    "hosted facilitated "
    "recorded collected gathered captured downloaded exported imported queried searched located cloned tagged rebased "
    "backported patched "
    "unblocked unlocked freed cleaned trimmed resized expanded allocated provisioned reserved ordered bought shipped "
    "delivered launched "
    "designed implemented developed verified signed called told tested retried resumed paused disabled adjusted tuned "
    "lowered reduced doubled "
    "edited modified renamed replayed reran rolled-back failed-over took-over picked-up appeared became remained lived based "
    "assigned "
    "related named required supposed allowed able trying missed led brought notified helped happened occurred ended expired "
    "issued "
    "introduced caused pushed entered typed"
)
# Behind a person, these begin something else than what the person did.
NO_VERB_YET = CLAUSE_ENDS | listed(
    "and or to is was were are be been being will can should would could must may might did didn't does do not has have that "
    "who's"
)
# What can be deleted without harm.
SPARE = (
    "old|corrupted|corrupt|stale|unused|temporary|temp|test|broken|orphaned|bad|duplicate|obsolete|affected|failed|invalid|"
    "local|staging|"
    "empty|damaged"
)
CARELESS = (
    "inattentive|overconfident|hasty|impatient|untrained|tired|careless|inexperienced|sloppy|lazy|"
    "incompetent|negligent|distracted|drunk|reckless|hungover|clueless"
)
IRREGULAR = (
    "been|had|done|made|seen|caught|found|known|gone|taken|given|kept|led|let|put|set|run|sent|shut|told|thought|"
    "spent|built|bought|brought|"
    "begun|become|come|held|left|lost|meant|met|paid|read|said|shown|stood|understood|written|broken|chosen|"
    "fallen|foreseen|forgotten|"
    "gotten|got|hit|hurt|kept|learnt|saved|split|spread|stuck|thrown|won|woken|cut|cost|felt|fought|felt|grown|"
    "beaten|driven|drawn"
)
# With “have”, these stand before a noun as often as not: all services should have automated backups.
ADJECTIVES = listed(
    "limited dedicated automated increased improved updated documented detailed advanced shared centralized "
    "centralised predefined defined "
    "reduced replicated tested managed encrypted trusted required related sustained elevated distributed "
    "isolated restricted signed fixed "
    "standardized standardised separated written set cut planned integrated unlimited nested mixed versioned "
    "scheduled added need"
)
BETTER = (
    "avoided|prevented|wise|wiser|prudent|caught|noticed|detected|discovered|spotted|mitigated|averted|sooner|earlier|faster|"
    "quicker|worse|better|less|"
    "more quickly|shortened|minimised|minimized|reduced|saved|quickly|right away|immediately|in advance|instead|"
    "easily|helped|simpler|easier|"
    "found in|identified before|stopped|limited|improved|clearer|smoother|handled|communicated|done|tested|"
    "checked|reviewed|documented|"
    "escalated|monitored|alerted|verified|validated|automated|rolled|planned|shared|addressed|revealed|warned|"
    "allowed|enabled|shown|uncovered|found|identified"
)
