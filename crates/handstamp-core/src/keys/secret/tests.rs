use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn hexadecimal_base64_and_plain_text_are_parsed() {
    let mut bytes = [0; 33];
    getrandom::fill(&mut bytes).unwrap();
    let hex = hex(&bytes);
    for text in [
        hex.clone(),
        hex.to_uppercase(),
        format!(" {hex}\n"),
        BASE64_STANDARD.encode(bytes),
        BASE64_URL_SAFE_NO_PAD.encode(bytes),
    ] {
        assert_eq!(Secret::parse(&text).unwrap().as_bytes(), bytes, "{text}");
    }
    let phrase = "walnut-gravel-cobalt-ferret-plywood-sonnet-tundra-quiver";
    assert_eq!(Secret::parse_unpublished(phrase).unwrap().as_bytes(), phrase.as_bytes());
}

#[test]
fn weak_secrets_are_rejected() {
    let short: Vec<u8> = (0..31).map(|n| n * 8 + 3).collect();
    let cases = [
        ("", SecretError::Short { bytes: 0 }),
        ("walnut-gravel-cobalt-ferret-ply", SecretError::Short { bytes: 31 }),
        (&hex(&short), SecretError::Short { bytes: 31 }),
        (&BASE64_STANDARD.encode(&short), SecretError::Short { bytes: 31 }),
        (&"0".repeat(64), SecretError::Repetitive),
        (&"ab".repeat(40), SecretError::Repetitive),
        ("ChangeMe-ChangeMe-ChangeMe-ChangeMe-1", SecretError::Placeholder),
        ("1sxc1aNxGHTTZKlK5cpCgufJAqGM4G13", SecretError::Published),
        ("the secret of our production server", SecretError::Guessable),
    ];
    for (text, weakness) in cases {
        assert_eq!(Secret::parse(text).unwrap_err(), weakness, "{text}");
    }
}

/// F3: of 24 placeholders and dictionary words, 23 were accepted.
#[test]
fn k9_f3_placeholders_and_guessable_secrets_are_rejected() {
    let counting = hex(&(0..32).collect::<Vec<_>>());
    let passwords = BASE64_STANDARD.encode("password".repeat(5));
    let phrase = BASE64_STANDARD.encode("this is the secret of our server");
    for text in [
        // Templates and references.
        "${SESSION_SECRET:?make one with openssl rand -base64 48}",
        "$(openssl rand -base64 48 | tr -d '\\n' | head -c 64)",
        "{{ .Values.session.secret | required \"session\" }}",
        "<put a secret of at least 32 characters here>",
        "<64 random hexadecimal digits, from openssl>",
        "%SESSION_SECRET_FROM_THE_ENVIRONMENT%",
        "$SESSION_SECRET_FROM_THE_ENVIRONMENT",
        "`openssl rand -base64 48 | tr -d '\\n'`",
        "op://Production/handstamp/session-secret",
        "vault:secret/data/production/handstamp#session",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:session",
        "ENC[AES256_GCM,data:qZf2nXk8,iv:7Hs1,tag:aa,type:str]",
        "projects/my-project/secrets/session-secret/versions/latest",
        "/run/secrets/production-handstamp-session-q7w2",
        // Phrases.
        "changeme-changeme-changeme-changeme",
        "Please_Change_This_Before_Deploying_0",
        "CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET",
        "super-secret-key-change-in-production!",
        "CHANGE_IN_PRODUCTION_8f3k2m9x7q1w5z4v6b0n",
        "django-insecure-x!8v$k2#m9@q1^w5&z4*b0(n)p7+r3=t6",
        "YOUR_OWN_RANDOM_GENERATED_SECRET_KEY",
        "your-secret-goes-here-x8v2k9m1q5w4z7b0",
        "insert a long and random string here",
        "put a secret of 32 characters or more",
        "placeholder-8f3k2m9x7q1w5z4v6b0n1c2d3",
        "correct horse battery staple walnut gravel ferret tundra",
        "keyboard cat keyboard cat keyboard cat",
        "openssl-rand-base64-48-goes-into-this-variable",
        "Run openssl rand -base64 48 and paste the result here",
        "please choose a long random secret before you deploy this",
        // Words.
        "secretsecretsecretsecretsecretsecret",
        "passwordpasswordpasswordpassword",
        "TODO: set a real secret before release!!",
        "P4ssw0rdP4ssw0rd-P4ssw0rdP4ssw0rd!",
        "thisIsTheSessionSecretOfOurProductionServer",
        "MyAppSecretKey2024ProductionEnvironment01",
        "this is my very secret session key for production",
        "a-string-secret-at-least-256-bits-long",
        "handstamp-session-secret-for-local-development",
        "walnut-gravel-walnut-gravel-walnut-gravel",
        "test-test-test-test-test-test-test-test",
        "thisisaverylongsecretkeyforsessions1234567890",
        "acme-shop-prod-session-secret-2026-rotation-1",
        "to be or not to be that is the question whether",
        // Repetitions and sequences.
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "deadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "qwertyuiopasdfghjklzxcvbnm1234567890",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.",
        "!QAZ@WSX#EDC$RFV%TGB^YHN&UJM*IK<(OL>",
        "1q2w3e4r5t6y7u8i9o0p1q2w3e4r5t6y7u8i9o0p",
        "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
        "a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1",
        "abcd1234efgh5678ijkl9012mnop3456qrst7890",
        "aB3$xY7!aB3$xY7!aB3$xY7!aB3$xY7!aB3$xY7!",
        &counting,
        &BASE64_STANDARD.encode((1..=48).collect::<Vec<u8>>()),
        &BASE64_STANDARD.encode((0..32).map(|n| n * 7).collect::<Vec<u8>>()),
        &BASE64_STANDARD.encode([0x3a, 0x91, 0xfe, 0x07].repeat(8)),
        // Encoded text.
        &passwords,
        &phrase,
        &hex(b"this is the secret of our server"),
    ] {
        let weakness = Secret::parse(text).expect_err(text);
        assert!(!weakness.to_string().contains(text), "{weakness}");
    }
}

#[test]
fn k9_f3_good_secrets_are_accepted() {
    for text in [
        // 32 letters and digits: as base64 they would be 24 bytes.
        "Nq8vXzL2pRk7YtWm4BcJd9FsHg3KeUaQ",
        "nq8vxzl2prk7ytwm4bcjd9fshg3keuaq",
        "NQ8VXZL2PRK7YTWM4BCJD9FSHG3KEUAQ",
        "xkqvbzmwptrjhdfgncslyaoeiuxqzvkw",
        "8f14e45f-ceea-467a-9f3b-2c1d7e6a5b40",
        "hT;9x)Wq~2[mL}v4=Zk&8nR@c6_pJ^0e",
        // Words drawn at random.
        "walnut gravel cobalt ferret plywood sonnet tundra quiver",
        "Unwed.Stoic.Hatchback.Overlap.Crispy.Mulch.Zodiac.Panther",
        "cleft cam synod lacy yr wok gaunt tulip",
        "salzwasser-kirschkern-fahrrad-donner-ziegel-lampe-wolke-habicht",
    ] {
        Secret::parse_unpublished(text).unwrap_or_else(|weakness| panic!("{text}: {weakness}"));
        // They were good secrets until they were published here.
        assert_eq!(Secret::parse(text).unwrap_err(), SecretError::Published, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// F3: the check is strict, but random secrets always pass.
    #[test]
    fn k9_f3_random_secrets_are_never_rejected(
        bytes in any::<[u8; 48]>().no_shrink(),
        lower in "[a-z0-9]{32}".no_shrink(),
        letters in "[a-z]{32}".no_shrink(),
        mixed in "[A-Za-z0-9]{32,64}".no_shrink(),
    ) {
        let mut texts = vec![lower, letters, mixed];
        for bytes in [&bytes[..32], &bytes[..33], &bytes] {
            let from_hex = Secret::parse(&hex(bytes)).unwrap();
            prop_assert_eq!(from_hex.as_bytes(), bytes);
            texts.extend([BASE64_STANDARD.encode(bytes), BASE64_URL_SAFE_NO_PAD.encode(bytes)]);
        }
        for text in texts {
            prop_assert!(Secret::parse(&text).is_ok(), "{}", text);
        }
    }
}

#[test]
fn neither_debug_nor_errors_show_the_secret() {
    let text = hex(Secret::generate().unwrap().as_bytes());
    assert_eq!(format!("{:?}", Secret::parse(&text).unwrap()), "Secret(..)");
    assert!(!Secret::parse("canary").unwrap_err().to_string().contains("canary"));
}
