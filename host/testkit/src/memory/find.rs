// SPDX-License-Identifier: MIT OR Apache-2.0
//! Facts are found by words and by meaning, whatever somebody asks.

use priory_core::memory::{FactQuery, KeptFact};

use super::{Make, about, fact, meaning, query, remember_all, texts};

/// Facts are found by any of the words, without case and accents; the rarer the word, the better it fits.
pub async fn words_find_facts(make: Make<'_>) {
    let memory = make();
    let facts = [
        "Ann drinks green tea in the morning",
        "Ann's café is the Zürich one in the old town",
        "Bob drinks coffee in the office",
        "Ann likes to walk in the rain",
        "黒猫座は東京の店です",
        "Καφές στην Αθήνα",
        "the delivery of order 4711 is late",
    ];
    remember_all(&*memory, &facts).await;
    let best = async |words: &str| texts(&*memory, about(words)).await.into_iter().next();
    for (words, expected) in [
        ("What does Ann drink? tea!", Some(0)),
        ("GREEN", Some(0)),
        ("cafe in zurich", Some(1)),
        ("CAFÉ", Some(1)),
        ("cafe\u{301}", Some(1)),
        ("where is order #4711?", Some(6)),
        ("東京", Some(4)),
        ("黒猫", Some(4)),
        ("猫", Some(4)),
        ("猫黒", None),
        ("ΚΑΦΈΣ", Some(5)),
        ("whiskey", None),
        ("tea\"; DROP TABLE facts", Some(0)),
        ("te", None),
    ] {
        assert_eq!(best(words).await.as_deref(), expected.map(|at: usize| facts[at]), "{words}");
    }
    let found = memory.recall(about("drinks coffee")).await.unwrap();
    assert_eq!(found.iter().map(|fact| fact.text.as_str()).collect::<Vec<_>>(), [facts[2], facts[0]]);
    assert_eq!(found[0].score_ppm, 1_000_000);
    assert!((1..900_000).contains(&found[1].score_ppm), "{}", found[1].score_ppm);
    assert_eq!(texts(&*memory, FactQuery { most: 1, ..about("drinks coffee") }).await, [facts[2]]);
}

/// Whatever a model or a person asks is a question, and never an error.
pub async fn any_text_may_be_asked(make: Make<'_>) {
    let memory = make();
    remember_all(&*memory, &["tea and milk", "NOT OR AND NEAR"]).await;
    let long = "tea \"*^( \u{202e}".repeat(1_400);
    for words in [
        "",
        " ",
        "\"",
        "\"\"",
        "'",
        "*",
        "^",
        "-",
        "+",
        "(",
        ")",
        ":",
        "{",
        "}",
        ",",
        ".",
        ";",
        "--",
        "/*",
        "\\",
        "%",
        "_",
        "\0",
        "AND",
        "OR",
        "NOT",
        "NEAR",
        "NEAR(",
        "NEAR(a b, 5)",
        "text:tea",
        "text : \"tea\"",
        "rowid",
        "words",
        "s1xtea",
        "a*",
        "\"tea",
        "tea\"",
        "tea AND",
        "AND tea",
        "(tea",
        "tea)",
        "^tea",
        "- tea",
        "tea -milk",
        "{text}:tea",
        "tea\0milk",
        "\u{1f375}",
        "\u{1f468}\u{200d}\u{1f469}",
        "\u{202e}aet",
        "שלום",
        "\u{feff}",
        "\u{fffd}",
        "\u{10ffff}",
        "e\u{301}\u{301}",
        "\u{301}",
        "ﬁ",
        "İ",
        "ß",
        "𞤀",
        &"x".repeat(16 << 10),
        &long,
        &"猫".repeat(5_000),
        &"a b ".repeat(4_096),
    ] {
        for subject in [None, Some(words.to_owned())] {
            let found = memory.recall(FactQuery { subject: subject.clone(), ..about(words) }).await;
            let found = found.unwrap_or_else(|error| panic!("{words:?}: {error}"));
            assert!(subject.is_none() || found.is_empty());
        }
    }
    assert_eq!(texts(&*memory, about("s1xtea")).await, [""; 0], "nobody reaches into the index");
    assert_eq!(texts(&*memory, about("near(milk tea)")).await[0], "tea and milk");
    assert_eq!(texts(&*memory, about("text:tea")).await, ["tea and milk"]);
}

/// Facts are found by their meaning: the more alike the better; only meanings of one model are compared.
pub async fn meaning_finds_facts(make: Make<'_>) {
    let memory = make();
    for (number, text, model, numbers) in [
        (0, "east", "m", [9.0, 0.0, 0.0]),
        (1, "north-east", "m", [1.0, 1.0, 0.0]),
        (2, "west", "m", [-1.0, 0.0, 0.0]),
        (3, "up", "m", [0.0, 0.0, 1.0]),
        (4, "east too", "m", [0.5, 0.0, 0.0]),
        (5, "of another model", "n", [1.0, 0.0, 0.0]),
        (6, "nowhere", "m", [0.0, 0.0, 0.0]),
    ] {
        memory.remember(KeptFact { meaning: meaning(model, &numbers), ..fact(number, text) }).await.unwrap();
    }
    memory.remember(fact(7, "without a meaning")).await.unwrap();
    memory.remember(KeptFact { meaning: meaning("m", &[1.0, 0.0]), ..fact(8, "of another length") }).await.unwrap();
    let like = |model: &str, numbers: &[f32]| FactQuery { meaning: meaning(model, numbers), ..query() };
    let found = memory.recall(like("m", &[2.0, 0.0, 0.0])).await.unwrap();
    let found: Vec<(&str, u32)> = found.iter().map(|fact| (fact.text.as_str(), fact.score_ppm)).collect();
    assert_eq!(found[..2], [("east too", 1_000_000), ("east", 1_000_000)], "the newer of two that are as good");
    assert!(found.len() == 3 && found[2].0 == "north-east" && found[2].1.abs_diff(707_107) < 10, "{found:?}");
    assert_eq!(texts(&*memory, like("n", &[1.0, 0.0, 0.0])).await, ["of another model"]);
    assert_eq!(texts(&*memory, FactQuery { most: 1, ..like("m", &[0.0, 0.1, 1.0]) }).await, ["up"]);
    for none in [like("o", &[1.0, 0.0, 0.0]), like("m", &[0.0; 3]), like("m", &[]), like("m", &[1.0; 4])] {
        assert_eq!(memory.recall(none).await.unwrap(), []);
    }
}

/// What is found by words and by meaning comes before what is found by one of them.
pub async fn both_find_more_than_one(make: Make<'_>) {
    let memory = make();
    for (number, text, numbers) in [
        (0, "the cat sleeps", [1.0, 0.1]),
        (1, "a feline rests", [1.0, 0.0]),
        (2, "the cat food is out", [0.0, 1.0]),
        (3, "nothing of the kind", [-1.0, 0.0]),
    ] {
        memory.remember(KeptFact { meaning: meaning("m", &numbers), ..fact(number, text) }).await.unwrap();
    }
    let both = FactQuery { meaning: meaning("m", &[1.0, 0.0]), ..about("cat") };
    let found = memory.recall(both.clone()).await.unwrap();
    let order: Vec<&str> = found.iter().map(|fact| fact.text.as_str()).collect();
    assert_eq!(order, ["the cat sleeps", "a feline rests", "the cat food is out"]);
    assert_eq!(found[0].score_ppm, 1_000_000);
    assert!(found[1].score_ppm < 600_000 && found[2].score_ppm <= found[1].score_ppm, "{found:?}");
    assert_eq!(
        texts(&*memory, FactQuery { words: Some("?!".into()), ..both }).await,
        ["a feline rests", "the cat sleeps"]
    );
}
