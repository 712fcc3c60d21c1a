// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nodes that ask models.

use priory_core::model::Effort;
use priory_workflow::definition::Kind;

use super::super::{parse, problems, short};

/// What stands in front of each workflow: two models that answer, and one that makes vectors.
const HEAD: &str = "name = 'a'\nproviders.scripted = {}\n\
    models.fast = { provider = 'scripted', script = 's' }\nmodels.slow = { provider = 'scripted', script = 's' }\n\
    models.vectors = { provider = 'scripted', script = 's', abilities = ['embedding'] }\n[workflows.w]\n";

fn grants(text: &str) -> Vec<String> {
    let manifest = parse(&format!("{HEAD}{text}")).unwrap_or_else(|error| panic!("{error}"));
    let grants = manifest.workflows["w"].grants.resolve(&Default::default()).unwrap();
    grants.iter().map(ToString::to_string).collect()
}

#[test]
fn a_node_asks_a_model() {
    let text = "nodes.a = { model = { name = 'fast', system = 'Be brief.', prompt = 'Sum up {input}.', temperature = 0.25, \
                output-tokens-max = 500, effort = 'low' }, budget = { tokens-in = 100, tokens-out = 10, money = '0.01' } }\n\
                nodes.b = { model = 'slow', with = 'a', output-schema = { type = 'object' } }\nresult = 'b'";
    let manifest = parse(&format!("{HEAD}{text}")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(short(&manifest.warnings), Vec::<String>::new());
    let nodes = &manifest.workflows["w"].definition.nodes;
    let Kind::Model(asked) = &nodes["a"].kind else { panic!("{:?}", nodes["a"]) };
    assert_eq!(asked.name.as_deref(), Some("fast"));
    assert_eq!(asked.prompt.as_ref().map(|prompt| prompt.source()), Some("Sum up {input}."));
    assert_eq!(
        (asked.temperature_milli, asked.output_tokens_max, asked.effort),
        (Some(250), Some(500), Some(Effort::Low))
    );
    let budget = nodes["a"].budget;
    assert_eq!((budget.tokens_in, budget.tokens_out, budget.money_microusd), (Some(100), Some(10), Some(10_000)));
    assert_eq!(nodes["b"].kind.model().unwrap().name.as_deref(), Some("slow"));
}

#[test]
fn what_a_node_asks_is_granted() {
    assert_eq!(grants("nodes.a.model = 'fast'"), ["model=fast", "log", "artifact=write"]);
    let usual = HEAD.replace("name = 'a'", "name = 'a'\ndefault-model = 'slow'");
    let manifest = parse(&format!("{usual}nodes.a.model = {{}}")).unwrap();
    let grants = manifest.workflows["w"].grants.resolve(&Default::default()).unwrap();
    assert_eq!(grants.iter().next().unwrap().to_string(), "model=slow");
    assert_eq!(
        self::grants("nodes.a.model = 'fast'\ngrants = { models = [{ allow = 'fast', uses = 2 }] }"),
        ["model=fast", "log", "artifact=write"]
    );
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, expected) in [
        ("nodes.a.model = 'fsat'", "7:17 there is no model `fsat` (did you mean `fast`?)"),
        ("nodes.a.model = { name = 'fsat' }", "7:26 there is no model `fsat` (did you mean `fast`?)"),
        (
            "nodes.a.model = 'vectors'",
            "7:17 `vectors` makes vectors, and answers nobody (the models are `fast`, `slow`)",
        ),
        ("nodes.a.model = { temperature = 2.5 }", "7:33 `temperature` is a number from 0 to 2"),
        ("nodes.a.model = { name = 'fast', temperature = -1 }", "7:48 `temperature` is a number from 0 to 2"),
        (
            "nodes.a.model = { name = 'fast', output-tokens-max = 0 }",
            "7:54 `workflows.w.nodes.a.model.output-tokens-max` is a whole number from 1 to 10000000",
        ),
        (
            "nodes.a.model = { name = 'fast', prompt = 'x {y}' }",
            "7:47 `y` is not there (the names are `given`, `input`, `state`)",
        ),
        ("nodes.a.model = { name = 'fast', tools = [] }", "7:34 unknown key `tools` in `workflows.w.nodes.a.model`"),
        ("nodes.a = { value = '1', budget = { tokens-in = 1 } }", "7:26 `value` has no budget of its own"),
        (
            "nodes.a = { model = 'fast', budget = { money = 0.5 } }",
            "7:48 `0.5` is a number, and dollars are written as text",
        ),
        ("nodes.a = { model = 'fast' }\nnodes.b = { value = 'a + 1' }", "8:26 `+` takes a text; `1` is an integer"),
    ] {
        let found = short(&problems(&format!("{HEAD}{text}")));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:#?}\nis not {expected} of {text}");
    }
    let none = "name = 'a'\nworkflows.w.nodes.a.model = {}";
    assert_eq!(short(&problems(none)), ["2:21 there are no models at all (add [models.NAME] to the manifest)"]);
    let odd = parse(&format!("{HEAD}nodes.a.model = {{}}")).unwrap();
    assert_eq!(
        short(&odd.warnings),
        [
            "7:9 nothing says which model is asked (name one here, or say `default-model` in the manifest; `priory run --model` helps too)"
        ]
    );
}
