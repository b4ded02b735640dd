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
    "electrician on-call approver designer scientist specialist owner"
)
# These are people only after one of the words: a session manager or a worker is a program.
PEOPLE_AFTER = {
    "member": listed("team staff crew support"),
    "members": listed("team staff crew support"),
    "agent": listed("support service customer"),
    "manager": listed("release product project engineering incident change account line delivery office the a our"),
    "managers": listed("release product project engineering incident change account line delivery the our"),
    "lead": listed("team tech technical incident engineering squad"),
    "responder": listed("first incident on-call call"),
    "responders": listed("first incident on-call call the"),
    "hire": listed("new recent"),
    "worker": listed("maintenance construction data-center datacenter"),
}
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
    "processes pipeline pipelines script scripts application applications"
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

MARKERS = (
    "accidentally|mistakenly|inadvertently|unintentionally|wrongly|incorrectly|erroneously|carelessly|"
    "negligently|unknowingly|prematurely|"
    "improperly|blindly|foolishly|unwittingly|hastily|recklessly|accidently|thoughtlessly|sloppily"
)
# What a person does not do, where a system could not either do or leave it.
CARE = (
    "notice|noticed|realise|realised|realize|realized|catch|caught|check|checked|double-check|verify|verified|"
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
    "misinterpreted|mishandled|misjudged|misspelled|misused|botched|messed up|screwed up|broke|skipped|slept "
    "through|fat-fingered|"
    "bungled|fumbled|mixed up|missed|disregarded|omitted|failed to|fails to|fail to|disobeyed|violated|dismissed|"
    "underestimated|"
    "lost track|didn't bother|should have known|should've known|rushed|thought it was|thought were|thought was|"
    "thought they were|thought he was|thought she was|"
    "wasn't paying attention|was not paying attention|wasn't careful|was not careful"
)
UNAWARE = (
    r"(?:was|were|is|are|wasn't|weren't)(?: not|n't)?(?: \w+)? (?:unaware|oblivious)|(?:was not|were not|wasn't|"
    r"weren't)(?: \w+)? aware|"
    r"(?:was|were) (?:too )?(?:slow to|late to|careless|sloppy|negligent|distracted|inattentive|lazy|reckless|"
    r"confused|inexperienced)"
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
    "avoided|prevented|caught|noticed|detected|discovered|spotted|mitigated|averted|sooner|earlier|faster|"
    "quicker|worse|better|less|"
    "more quickly|shortened|minimised|minimized|reduced|saved|quickly|right away|immediately|in advance|instead|"
    "easily|helped|simpler|easier|"
    "found in|identified before|stopped|limited|improved|clearer|smoother|handled|communicated|done|tested|"
    "checked|reviewed|documented|"
    "escalated|monitored|alerted|verified|validated|automated|rolled|planned|shared|addressed|revealed|warned|"
    "allowed|enabled|shown|uncovered|found|identified"
)
