/// Whether letters could be a word: all letters after the first have the same case, and at least four fifths of the pairs of
/// neighbouring letters are common.
pub(super) fn is_like_a_word(letters: impl Iterator<Item = u8> + Clone) -> bool {
    let mut case = letters.clone().skip(1).map(|letter| letter.is_ascii_uppercase());
    let first = case.next();
    if case.any(|case| Some(case) != first) {
        return false;
    }
    let pairs = letters.clone().zip(letters.skip(1));
    let (common, all) =
        pairs.fold((0, 0), |(common, all), pair| (common + u32::from(is_common(pair)), all + 1));
    common * 5 >= all * 4
}

fn is_common((first, second): (u8, u8)) -> bool {
    index(first)
        .is_some_and(|first| FOLLOWERS[first].bytes().any(|letter| letter.eq_ignore_ascii_case(&second)))
}

/// For each letter from `a` to `z`, the letters that often follow it. In English text nine tenths of the pairs are in this
/// table, in random letters one third.
const FOLLOWERS: [&str; 26] = [
    "bcdgiklmnprstuvy",
    "aeilosu",
    "acehiklortu",
    "aeiosu",
    "acdefglmnpqrstvx",
    "aefiloru",
    "aehinru",
    "aeiot",
    "abcdefglmnoprstvz",
    "",
    "eis",
    "adeilostuy",
    "abeimops",
    "acdefginostuv",
    "bcdgiklmnoprstuvw",
    "aeiloprstu",
    "u",
    "acdegikmnorstuy",
    "acehiopstuy",
    "acehilorstuy",
    "abceilmnprst",
    "aei",
    "aeio",
    "pt",
    "ps",
    "e",
];

/// The common words by first letter, each with its position in the list.
pub(super) struct CommonWords([Vec<(usize, &'static str)>; 26]);

impl CommonWords {
    pub(super) fn new() -> Self {
        let mut words = Self(Default::default());
        for (place, word) in common_words().enumerate() {
            if let Some(index) = word.bytes().next().and_then(index) {
                words.0[index].push((place, word));
            }
        }
        words
    }

    pub(super) fn beginning_with(&self, letter: u8) -> &[(usize, &'static str)] {
        index(letter).map_or(&[], |index| &self.0[index])
    }
}

/// The most common first.
pub(in crate::keys) fn common_words() -> impl Iterator<Item = &'static str> {
    WORDS.split_ascii_whitespace()
}

fn index(letter: u8) -> Option<usize> {
    letter.is_ascii_alphabetic().then(|| usize::from(letter.to_ascii_lowercase() - b'a'))
}

/// Common words of English and of invented secrets, roughly in the order in which a guessing program tries them.
const WORDS: &str = "
    secret password key the a my this is session token for of to and in test your production change me please you
    it not that with on our admin default pass passwd auth login user be example demo dev prod development staging
    local random secure very super long strong some string here insert put set use generate make new old real
    private public signing sign signed cookie cookies app application api server service secrets keys master main
    web site hello world welcome letmein dragon monkey football baseball iloveyou sunshine princess shadow freedom
    whatever trustno qwerty abc love god money from at by as an or are was but have has had will would can could
    should must may more most than then thing things thirty two three four five six seven eight nine ten one
    twenty hundred thousand million least character characters letters words bytes bits digits number numbers many
    any all no yes never always only just keep safe hidden hide do does did done dont cannot other another each
    every first last next before after when where what who why how which while there these those they them their
    his her she he we us if so up down out over under into about also back off again same such own too because
    between through during without within until against both few now once enough good bad best better great little
    big small high low right left top end start begin day days week month year years time today tomorrow yesterday
    name names value values text word data base database file files code system network host port url client
    request response header json redis valkey cluster node nodes cache store memory stamp hand handstamp rust axum
    tower tokio crate library framework config configuration setting settings environment env variable docker
    compose kubernetes deploy deployment release version live beta internal external company corp team project
    website shop blog forum chat mail email phone home house work office school computer laptop machine man woman
    people person child children life way know think see look want need take get give go come find tell ask try
    call say let like feel leave run move believe hold bring happen write provide sit stand lose pay meet include
    continue learn lead understand watch follow stop create speak read allow add spend grow open walk win offer
    remember consider appear buy wait serve die send expect build stay fall cut reach kill remain suggest raise
    sell require report decide pull water food room mother father friend family city state country place point
    part case group problem fact eye question government war story result morning reason research girl guy moment
    air teacher force education orange apple banana black white red green blue yellow dog cat horse bird fish tree
    flower sun moon star sky fire earth wind rain snow summer winter spring autumn january february march april
    june july august september october november december monday tuesday wednesday thursday friday saturday sunday
    quick brown fox jump jumps lazy battery staple correct alpha bravo charlie delta echo omega foo bar baz foobar
    lorem ipsum dolor temp temporary dummy sample placeholder todo fixme none null empty unknown undefined true
    false failover failovers torture canary insecure unsafe guess guessable forget forgotten lost crypto
    encryption encrypted encrypt hmac hash salt pepper
    choose chosen paste runs goes acme rotation rotate rotated versions latest projects sessions whether nobody
    somebody anybody nothing something anything everything everyone someone ever maybe perhaps might shall its ours
    yours mine him hers herself himself itself myself yourself whom whose upon above below behind beside near far
    away around across along among toward inside outside still yet already often sometimes later soon early late ago
    since till though although unless either neither nor else instead however therefore thus hence rather quite
    almost even much less half whole full fast slow hard soft easy simple difficult hot cold warm dark light heavy
    young rich poor happy sad angry free busy ready sure sorry afraid alone together different important possible
    wrong been being having doing going gone came went said says told made makes making took taken given gave got
    gotten saw seen knew known thought found kept held brought began begun shown wrote written sent built understood
    paid spoke spoken chose eat drink sleep dream wake talk laugh cry smile sing song dance play game games music
    book books paper letter page pages line lines picture movie film color gold silver iron stone wood glass door
    window wall floor table chair bed kitchen garden street road bridge village town ocean sea river lake mountain
    hill forest field grass leaf body head face hair ear nose mouth hands arm leg foot feet heart blood bone brother
    sister son daughter baby boy men women king queen prince lord doctor soldier captain hero noble mind suffer
    slings arrows outrageous fortune born forever eternal truth beauty hope fear hate peace death dead alive soul
    spirit ghost devil angel heaven hell magic wizard robot ninja pirate keyboard mouse screen mobile tablet
    internet online browser click button link search download upload install update upgrade delete remove copy save
    edit print close log logs debug error warning info account accounts administrator root sudo guest member members
    customer customers clients product products order orders cart payment invoice price market bank business support
    help contact access permission role roles groups policy security vault certificate signature verify valid
    validate invalid expire expires timeout lifetime duration randomly generated generator unique identifier uuid
    backend frontend gateway proxy worker queue stack cloud amazon azure google github gitlab microsoft oracle
    postgres mysql mongo sqlite nginx apache linux ubuntu debian windows java python ruby golang nodejs express
    django flask rails laravel react angular jwt oauth bearer csrf xsrf
";
