//! Texts and the trees, or faults, that come of them.

use super::{Fault, Node, Parsed, Value, read};
use crate::Text;

fn yaml(text: &str) -> Parsed {
    read(&Text { path: "a.yaml".to_owned(), bytes: text.as_bytes().to_vec() })
}

fn json(text: &str) -> Parsed {
    read(&Text { path: "a.JSON".to_owned(), bytes: text.as_bytes().to_vec() })
}

/// The tree on one line: `{a@1: 1@2}`.
fn drawn(node: &Node) -> String {
    let inside = match &node.value {
        Value::Scalar(scalar) => format!("{:?}:{}", scalar.kind, scalar.text),
        Value::List(items) => format!("[{}]", items.iter().map(drawn).collect::<Vec<_>>().join(" ")),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, node)| format!("{}@{}={}", key.text, key.line, drawn(node)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
        }
    };
    format!("{inside}@{}", node.line)
}

fn only(reading: Parsed) -> String {
    assert_eq!(reading.faults, []);
    assert_eq!(reading.documents.len(), 1, "{reading:?}");
    drawn(&reading.documents[0])
}

fn faults(reading: &Parsed) -> Vec<String> {
    reading.faults.iter().map(|Fault { line, text, expected }| format!("{line} {text}: {expected}")).collect()
}

#[test]
fn every_node_knows_its_line() {
    let text = "a: 1\nb:\n  - x\n  - y: true\nc:\nd: {e: 'f', g: [1, 2]}\nh: |\n  two\n  lines\n";
    let expected = "{a@1=Integer:1@1 b@2=[Text:x@3 {y@4=Bool:true@4}@4]@3 c@5=Null:@5 \
                    d@6={e@6=Text:f@6 g@6=[Integer:1@6 Integer:2@6]@6}@6 h@7=Text:two\nlines\n@8}@1";
    assert_eq!(only(yaml(text)), expected);
    assert_eq!(only(yaml(&text.replace('\n', "\r\n"))), expected);
    assert_eq!(only(yaml(&format!("\u{feff}{text}"))), expected);
}

#[test]
fn json_reads_as_the_yaml_that_says_the_same() {
    let text = "{\n\t\"a\": 1, \"b\": [\n\"x\\n\\ud83d\\ude00\\\"\", -2, 1.5, null, false],\n\"c\": {}\n}\n";
    let expected =
        "{a@2=Integer:1@2 b@2=[Text:x\n\u{1f600}\"@3 Integer:-2@3 Number:1.5@3 Null:null@3 Bool:false@3]@2 c@4={}@4}@1";
    assert_eq!(only(json(text)), expected);
}

#[test]
fn scalars_are_what_the_core_schema_says_and_nothing_by_chance() {
    for (text, kind) in [
        ("1883", "Integer"),
        ("-1", "Integer"),
        ("+7", "Integer"),
        ("0", "Integer"),
        ("010", "Number"),
        ("0x10", "Number"),
        ("0o17", "Number"),
        ("1_000", "Number"),
        ("1.0", "Number"),
        ("1e3", "Number"),
        (".inf", "Number"),
        ("yes", "Text"),
        ("on", "Text"),
        ("True", "Bool"),
        ("~", "Null"),
        ("240h", "Text"),
        ("1G", "Text"),
        ("inf", "Text"),
        ("infinity", "Text"),
        ("::1", "Text"),
        ("12:30", "Text"),
        ("'1'", "Text"),
        ("\"true\"", "Text"),
        ("!!str 12", "Text"),
        ("!!int 12", "Integer"),
    ] {
        let drawn = only(yaml(&format!("a: {text}\n")));
        assert!(drawn.starts_with(&format!("{{a@1={kind}:")), "{text}: {drawn}");
    }
}

#[test]
fn several_documents_are_several() {
    let reading = yaml("a: 1\n---\n# nothing\n---\nb: 2\n...\n---\nc: 3\n");
    let drawn: Vec<String> = reading.documents.iter().map(drawn).collect();
    assert_eq!(drawn, ["{a@1=Integer:1@1}@1", "Null:@4", "{b@5=Integer:2@5}@5", "{c@8=Integer:3@8}@8"]);
    assert_eq!(yaml("").documents, []);
    assert_eq!(yaml("# only a comment\n").documents, []);
}

#[test]
fn anchors_and_merge_keys_are_resolved() {
    let text = "base: &base {x: 1, y: 2}\na:\n  <<: *base\n  y: 3\nb: *base\nc:\n  <<: [{z: 4}, *base]\n";
    let drawn = only(yaml(text));
    assert!(drawn.contains("a@2={y@4=Integer:3@4 x@1=Integer:1@1}@3"), "{drawn}");
    assert!(drawn.contains("b@5={x@1=Integer:1@1 y@1=Integer:2@1}@1"), "{drawn}");
    assert!(drawn.contains("c@6={z@7=Integer:4@7 x@1=Integer:1@1 y@1=Integer:2@1}@7"), "{drawn}");
    assert_eq!(only(yaml("'<<': 1\n")), "{<<@1=Integer:1@1}@1");
}

#[test]
fn faults_have_their_line() {
    for (text, expected) in [
        ("a: 1\nb: 2\na: 3\n", "3 a: is already in line 1; leave one of them out"),
        ("a:\n\tb: 1\n", "2 is indented with a tab: indent with spaces, as YAML asks"),
        ("a: &x\n  b: *x\n", "2 is an alias of what contains it: write it out"),
        ("a: !secret x\n", "1 !secret: write the value without a tag"),
        ("a:\n  <<: 1\n", "2 <<: give an alias of a map, or a list of such"),
        ("? [a]\n: 1\n", "1 key [...]: give a name as key"),
    ] {
        assert_eq!(faults(&yaml(text)), [expected], "{text}");
    }
    for (text, start) in [
        ("a: 'x\nb: 1\n", "1 is not YAML: "),
        ("a: 1\n b: 2\n", "2 is not YAML: "),
        ("a: [1\nb: 2\n", "2 is not YAML: "),
        ("a: *nowhere\n", "1 is not YAML: "),
        ("a: 1\n}\n", "2 is not YAML: "),
    ] {
        let faults = faults(&yaml(text));
        assert!(faults.len() == 1 && faults[0].starts_with(start), "{text}: {faults:?}");
    }
    for (text, expected) in [
        ("{\n\"a\": 1,\n}", "3 is not JSON: trailing comma"),
        ("{\"a\": 1}\n{}", "2 is not JSON: trailing characters"),
        ("{\"a\": 1, \"b\": 2,\n\"a\": 3}", "2 a: is already in line 1; leave one of them out"),
        ("// no\n{}", "1 is not JSON: expected value"),
        ("", "1 is not JSON: EOF while parsing a value"),
    ] {
        assert_eq!(faults(&json(text)), [expected], "{text}");
    }
}

#[test]
fn bytes_that_are_no_text_are_named_by_line() {
    for (bytes, expected) in [
        (&b"a: 1\nb: \xff\n"[..], "2 has the byte 0xff, which is not UTF-8: save it as UTF-8"),
        (b"\xff\xfea\0", "1 is UTF-16: save it as UTF-8"),
        (b"a: 1\n\0", "2 has a zero byte: give text; this looks like another kind of file"),
    ] {
        let reading = read(&Text { path: "a.yaml".to_owned(), bytes: bytes.to_vec() });
        assert_eq!(faults(&reading), [expected]);
    }
    let large = read(&Text { path: "a.yaml".to_owned(), bytes: vec![b'#'; super::MAX_FILE_BYTES + 1] });
    assert_eq!(faults(&large), ["1 has 8388609 bytes: split it; files of at most 8388608 bytes are read"]);
}

#[test]
fn neither_aliases_nor_nesting_fill_the_memory() {
    // Each line says the one before nine times.
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..40 {
        let before = vec![format!("*a{}", n - 1); 9].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{before}]\n"));
    }
    assert!(faults(&yaml(&bomb))[0].contains("is one value too many"));
    // Each line wraps the one before once.
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for n in 1..100 {
        chain.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
    }
    assert!(faults(&yaml(&chain))[0].ends_with("nest lists and maps at most 64 deep"));
    for deep in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000), "? ".repeat(100_000)] {
        assert_eq!(yaml(&deep).faults.len(), 1, "{}", &deep[..4]);
    }
    assert_eq!(json(&"[".repeat(100_000)).faults.len(), 1);
    assert_eq!(faults(&json(&format!("{}{}", "[".repeat(70), "]".repeat(70)))).len(), 1);
}

#[test]
fn paths_lead_to_nodes() {
    let tree = yaml("ports:\n- port: 1\n  tls: {mode: Manual}\n- {port: 2, tls: null}\n").documents.remove(0);
    assert_eq!(tree.at("ports[0].tls.mode").map(|n| n.line), Some(3));
    assert_eq!(tree.at("ports[1].port").map(|n| n.line), Some(4));
    assert_eq!(tree.at("").map(|n| n.line), Some(1));
    for nowhere in ["ports[2]", "ports[1].tls", "ports.port", "spec", "ports[0].port.x", "ports[x]"] {
        assert_eq!(tree.at(nowhere), None, "{nowhere}");
    }
}

#[test]
fn messages_show_values_on_one_short_line() {
    let tree = yaml("a: \"x\\ny\\e[31m\"\nb: 12\nc: []\nd: {e: 1}\nf:\n").documents.remove(0);
    let shown: Vec<String> = ["a", "b", "c", "d"].iter().map(|path| tree.at(path).unwrap().shown()).collect();
    assert_eq!(shown, ["\"x\\ny\\u{1b}[31m\"", "12", "[]", "{...}"]);
    assert_eq!(super::node::shortened(&"é".repeat(100)), format!("{}...", "é".repeat(60)));
}
