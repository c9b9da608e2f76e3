//! Headers from people who mean harm, or cannot write.

use pasje::http::signature::{Policy, SignatureError, Signed, content_digest_is_right};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Change, NOW, hotlist, sale};

const END: &str = ";created=1790000000;expires=1790000060;nonce=\"n\";keyid=\"k\";tag=\"pasje-terminal\"";

#[test]
fn inputs_that_cannot_be_read_are_malformed() {
    let ours = |components: &str| format!("terminal=({components}){END}").into_bytes();
    let with = |more: &str| format!("terminal=(){END}{more}").into_bytes();
    let instead = |from: &str, to: &str| format!("terminal=(){}", END.replace(from, to)).into_bytes();
    let many = |count: usize| (0..count).map(|n| format!("\"h{n}\" ")).collect::<String>();
    let cases: Vec<Vec<u8>> = vec![
        // syntax
        b"terminal".to_vec(),
        b"=()".to_vec(),
        b"terminal=".to_vec(),
        b"terminal=(".to_vec(),
        b"terminal=(\"@method\"".to_vec(),
        b"terminal=(\"@method)".to_vec(),
        b"terminal=(\"@method\\".to_vec(),
        b"terminal=();".to_vec(),
        b"terminal=();tag=".to_vec(),
        b"terminal=();tag=\"pasje-terminal".to_vec(),
        b"terminal=(),".to_vec(),
        b"terminal=() x=()".to_vec(),
        b"TERMINAL=()".to_vec(),
        b"\xff\xfe".to_vec(),
        "terminal=(\"é\")".into(),
        b"terminal=(\"\0\")".to_vec(),
        b"terminal=()\r\n".to_vec(),
        b"terminal=(());tag=\"pasje-terminal\"".to_vec(),
        [b"terminal=".as_slice(), &[b'('; 4000]].concat(),
        // size
        with(&format!(";x=\"{}\"", "x".repeat(5000))),
        vec![b' '; 5000],
        (0..9).map(|n| format!("l{n}=(), ")).collect::<String>().into_bytes(),
        ours(&many(33)),
        with(&(0..17).map(|n| format!(";p{n}")).collect::<String>()),
        // twice
        [ours(""), b", ".to_vec(), ours("")].concat(),
        [b"other=();tag=\"pasje-terminal\", ".to_vec(), ours("")].concat(),
        b"terminal=(), terminal=()".to_vec(),
        ours("\"@method\" \"@path\" \"@method\""),
        with(";created=1790000000"),
        with(";tag=\"pasje-terminal\""),
        with(";x;x"),
        // types
        b"terminal=1".to_vec(),
        b"terminal=\"@method\";tag=\"pasje-terminal\"".to_vec(),
        [ours(""), b", x=1".to_vec()].concat(),
        ours("method"),
        ours("1"),
        ours(":AAAA:"),
        instead("=1790000000", "=1790000000.0"),
        instead("=1790000000", "=\"1790000000\""),
        instead("=1790000000", "=@1790000000"),
        instead("=1790000000", ""),
        instead("=1790000000", "=1790000000000000"),
        instead("=1790000060", "=?1"),
        instead("\"n\"", "n"),
        instead("\"k\"", "1"),
        instead("\"k\"", ":a2V5:"),
        // algorithms
        with(";alg=\"ed25519\""),
        with(";alg=\"HMAC-SHA256\""),
        with(";alg=\"none\""),
        with(";alg=\"\""),
        with(";alg=hmac-sha256"),
        with(";alg"),
        // components
        ours("\"\""),
        ours("\"@\""),
        ours("\"@status\""),
        ours("\"@target-uri\""),
        ours("\"@query-param\";name=\"x\""),
        ours("\"@signature-params\""),
        ours("\"@Method\""),
        ours("\"Content-Type\""),
        ours("\"content type\""),
        ours("\"content-type:\""),
        ours("\"content\\\"type\""),
        ours("\"content-type\";sf"),
        ours("\"content-type\";bs"),
        ours("\"content-digest\";key=\"sha-256\""),
        ours("\"@method\";req"),
        ours("\"content-type\";tr"),
        ours("\"@method\";sf=?0"),
        ours("\"not-there\""),
    ];
    for input in cases {
        let mut arrived = sale();
        arrived.set("signature-input", &input);
        let shown = String::from_utf8_lossy(&input[..input.len().min(200)]).into_owned();
        let result = arrived.parse();
        assert!(matches!(result, Err(SignatureError::Malformed(_))), "{shown}: {result:?}");
    }
}

#[test]
fn the_sizes_that_are_allowed_are_allowed() {
    let mut arrived = hotlist();
    let names: Vec<String> = (0..28).map(|n| format!("h{n}")).collect();
    let quoted: String = names.iter().map(|name| format!(" \"{name}\"")).collect();
    names.iter().for_each(|name| arrived.add(name, "x"));
    let more: String = (0..11).map(|n| format!(";p{n}")).collect();
    let input = format!("terminal=(\"@method\" \"@authority\" \"@path\" \"@query\"{quoted}){END}{more}");
    arrived.set("signature-input", &input);
    assert!(arrived.parse().is_ok());
    for n in 0..7 {
        arrived.add("signature-input", format!("l{n}=()"));
    }
    assert!(arrived.parse().is_ok());
    let length: usize =
        arrived.headers.0.iter().filter(|(name, _)| name == "signature-input").map(|(_, value)| value.len() + 2).sum();
    arrived.add("signature-input", format!("{}x=()", " ".repeat(4096 - length - 4)));
    let full = arrived.parse();
    // eight is the most: it was read as far as that
    assert_eq!(full.unwrap_err().to_string(), "the signature cannot be read: Signature-Input: too many signatures");
}

#[test]
fn many_lines_are_refused_before_they_are_read() {
    for name in ["signature-input", "signature"] {
        let mut arrived = sale();
        for n in 0..10_000 {
            arrived.add(name, format!("l{n}=()"));
        }
        let error = arrived.parse().unwrap_err();
        assert!(error.to_string().contains("longer than"), "{error}");
    }
}

#[test]
fn signatures_that_cannot_be_read_are_malformed() {
    for signature in [
        "terminal",
        "terminal=",
        "terminal=:",
        "terminal=:AAAA",
        "terminal=:A*AA:",
        "terminal=:A:",
        "terminal=\"AAAA\"",
        "terminal=AAAA",
        "terminal=(:AAAA:)",
        "terminal=:AAAA:, terminal=:AAAA:",
        "terminal=:AAAA:, other=1",
        "terminal=:AAAA:,",
        "other=:AAAA:",
        "Terminal=:AAAA:",
        "",
        "é",
        "a=::,b=::,c=::,d=::,e=::,f=::,g=::,h=::,terminal=::",
        &format!("terminal=:{}:", "A".repeat(5000)),
    ] {
        let mut arrived = sale();
        arrived.set("signature", signature);
        let result = arrived.parse();
        assert!(matches!(result, Err(SignatureError::Malformed(_))), "{signature}: {result:?}");
    }
}

#[test]
fn values_that_could_pose_as_another_line_are_malformed() {
    let changes: [Change; 10] = [
        |arrived| arrived.set("idempotency-key", "\"x\"\n\"@path\": /v1/refunds"),
        |arrived| arrived.set("idempotency-key", "\"x\"\r\n\"@path\": /v1/refunds"),
        |arrived| arrived.set("idempotency-key", "\"x\"\r \"y\""),
        |arrived| arrived.set("content-type", "a\0"),
        |arrived| arrived.set("content-type", "\u{7f}"),
        |arrived| arrived.set("content-type", b"\xe9"),
        |arrived| arrived.path.push_str("\n\"@query\": ?"),
        |arrived| arrived.path.push('é'),
        |arrived| arrived.query = Some("a b".to_owned()),
        |arrived| arrived.authority.push('\n'),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut arrived = sale();
        change(&mut arrived);
        let result = arrived.parse();
        assert!(matches!(result, Err(SignatureError::Malformed(_))), "change {number}: {result:?}");
    }
}

/// Pieces of headers in any order, which get further into the parser than noise does.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "terminal",
        "other",
        "=",
        "(",
        ")",
        " ",
        ",",
        ", ",
        ";",
        "\"",
        "\\",
        "\"@method\"",
        "\"@path\"",
        "\"date\"",
        ":",
        "AAAA",
        "?1",
        "@1",
        "-",
        "1790000000",
        "1.5",
        "%\"%c3",
        "\r\n ",
        "\t",
        "é",
        "\0",
        END,
        "tag=\"pasje-terminal\"",
        "terminal=(",
        "terminal=:",
        "sha-256=:",
    ]);
    vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

fn anything() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![pieces(), vec(any::<u8>(), 0..300)]
}

proptest! {
    #[test]
    fn no_input_makes_the_parser_panic_or_is_believed(
        input in anything(), signature in anything(), value in anything(), path in any::<String>(), now in any::<i64>(),
    ) {
        let loose = Policy { components: &[], parameters: &[], tag: None, age_s_max: u64::MAX };
        for (set_input, set_signature) in [(true, true), (true, false), (false, true)] {
            let mut arrived = sale();
            if set_input {
                arrived.set("signature-input", &input);
            }
            if set_signature {
                arrived.set("signature", &signature);
            }
            arrived.set("date", &value);
            path.clone_into(&mut arrived.path);
            for policy in [arrived.policy(), loose] {
                if let Ok(signed) = Signed::parse(&arrived.message(), &policy, now) {
                    prop_assert!(signed.verify(&super::key()).is_err());
                }
            }
        }
    }

    #[test]
    fn no_digest_makes_the_parser_panic_or_is_right(value in anything(), body in vec(any::<u8>(), 0..40)) {
        let value = String::from_utf8_lossy(&value);
        prop_assert!(content_digest_is_right(&value, &body).is_err());
    }

    #[test]
    fn what_the_terminal_signs_is_believed_whatever_it_says(
        path in "/[!-~]{0,40}", query in prop::option::of("[!-~]{0,40}"), body in prop::option::of(vec(any::<u8>(), 0..200)),
    ) {
        let arrived = super::signed("POST", &path, query.as_deref(), body.as_deref());
        prop_assert!(arrived.check().is_ok());
        prop_assert!(arrived.check_at(&super::key(), NOW + 61).is_err());
    }
}
