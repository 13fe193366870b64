//! `--schedule NAME[:KEY=VALUE,...]`: how the learning rate changes, with the names of Keras' arguments.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::{Map, Value, json};
use xfer_trainer::Schedule;

/// A schedule whose beginning and length may come from elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScheduleChoice {
    kind: &'static Kind,
    numbers: BTreeMap<&'static str, Value>,
}

/// A schedule of Keras and its arguments.
#[derive(Debug, PartialEq)]
struct Kind {
    name: &'static str,
    /// As the library writes it down.
    tag: &'static str,
    arguments: &'static [Argument],
}

#[derive(Debug, PartialEq)]
struct Argument {
    name: &'static str,
    form: Form,
    default: Fallback,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Count,
    Number,
    Flag,
    Counts,
    Numbers,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fallback {
    None,
    /// All steps of the training, less those of a warm-up.
    Steps,
    Number(f64),
    False,
    Absent,
}

const fn argument(name: &'static str, form: Form, default: Fallback) -> Argument {
    Argument { name, form, default }
}

const DECAY_STEPS: Argument = argument("decay_steps", Form::Count, Fallback::Steps);
const STAIRCASE: Argument = argument("staircase", Form::Flag, Fallback::False);
const ALPHA: Argument = argument("alpha", Form::Number, Fallback::Number(0.0));

const KINDS: &[Kind] = &[
    Kind {
        name: "exponential",
        tag: "exponential",
        arguments: &[DECAY_STEPS, argument("decay_rate", Form::Number, Fallback::None), STAIRCASE],
    },
    Kind {
        name: "piecewise",
        tag: "piecewise",
        arguments: &[
            argument("boundaries", Form::Counts, Fallback::None),
            argument("values", Form::Numbers, Fallback::None),
        ],
    },
    Kind {
        name: "polynomial",
        tag: "polynomial",
        arguments: &[
            DECAY_STEPS,
            argument("end", Form::Number, Fallback::Number(0.0001)),
            argument("power", Form::Number, Fallback::Number(1.0)),
            argument("cycle", Form::Flag, Fallback::False),
        ],
    },
    Kind {
        name: "inverse-time",
        tag: "inverse_time",
        arguments: &[DECAY_STEPS, argument("decay_rate", Form::Number, Fallback::None), STAIRCASE],
    },
    Kind {
        name: "cosine",
        tag: "cosine",
        arguments: &[
            DECAY_STEPS,
            ALPHA,
            argument("warmup_target", Form::Number, Fallback::Absent),
            argument("warmup_steps", Form::Count, Fallback::Absent),
        ],
    },
    Kind {
        name: "cosine-restarts",
        tag: "cosine_restarts",
        arguments: &[
            argument("first_decay_steps", Form::Count, Fallback::Steps),
            argument("t_mul", Form::Number, Fallback::Number(2.0)),
            argument("m_mul", Form::Number, Fallback::Number(1.0)),
            ALPHA,
        ],
    },
];

impl FromStr for ScheduleChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, given) = text.split_once(':').unwrap_or((text, ""));
        let kind = KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| {
            let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
            format!("no schedule `{name}`; there are {}", names.join(", "))
        })?;
        let mut numbers = BTreeMap::new();
        for pair in given.split(',').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, "true"));
            let argument = kind.arguments.iter().find(|argument| argument.name == key).ok_or_else(|| {
                let names: Vec<_> = kind.arguments.iter().map(|argument| argument.name).collect();
                format!("{name} has no `{key}`; it takes {}", names.join(", "))
            })?;
            numbers
                .insert(argument.name, argument.form.parse(value).ok_or_else(|| argument.form.expected(key, value))?);
        }
        let needed = |argument: &&Argument| argument.default == Fallback::None && !numbers.contains_key(argument.name);
        if let Some(missing) = kind.arguments.iter().find(needed) {
            return Err(format!("{name} needs {}=...", missing.name));
        }
        if numbers.contains_key("warmup_target") != numbers.contains_key("warmup_steps") {
            return Err("a warm-up needs warmup_steps=... and warmup_target=...".to_owned());
        }
        Ok(Self { kind, numbers })
    }
}

impl ScheduleChoice {
    /// The schedule from `initial` on of a training of `steps` steps.
    pub(crate) fn schedule(&self, initial: f64, steps: u64) -> Result<Schedule, String> {
        let mut fields = Map::from_iter([("kind".to_owned(), json!(self.kind.tag))]);
        if self.kind.name != "piecewise" {
            fields.insert("initial".to_owned(), json!(initial));
        }
        let warmup = self.numbers.get("warmup_steps").and_then(Value::as_u64).unwrap_or(0);
        for argument in self.kind.arguments {
            let value = match (self.numbers.get(argument.name), argument.default) {
                (Some(value), _) => value.clone(),
                (None, Fallback::Steps) => json!(steps.saturating_sub(warmup).max(1)),
                (None, Fallback::Number(number)) => json!(number),
                (None, Fallback::False) => json!(false),
                (None, Fallback::None | Fallback::Absent) => continue,
            };
            fields.insert(argument.name.to_owned(), value);
        }
        if let (Some(target), Some(steps)) = (fields.remove("warmup_target"), fields.remove("warmup_steps")) {
            fields.insert("warmup".to_owned(), json!({"target": target, "steps": steps}));
        }
        let schedule: Schedule = serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())?;
        schedule.check().map_err(|error| error.to_string())?;
        Ok(schedule)
    }
}

impl Form {
    fn parse(self, text: &str) -> Option<Value> {
        let number =
            |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| json!(number));
        let count = |text: &str| text.parse::<u64>().ok().map(|count| json!(count));
        match self {
            Self::Count => count(text),
            Self::Number => number(text),
            Self::Flag => text.parse::<bool>().ok().map(|flag| json!(flag)),
            Self::Counts => text.split(';').map(count).collect::<Option<Vec<_>>>().map(Value::Array),
            Self::Numbers => text.split(';').map(number).collect::<Option<Vec<_>>>().map(Value::Array),
        }
    }

    fn expected(self, key: &str, value: &str) -> String {
        let form = match self {
            Self::Count => "a whole number",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::Counts => "whole numbers with `;` between them",
            Self::Numbers => "numbers with `;` between them",
        };
        format!("{key}={value}: expected {form}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xfer_trainer::Warmup;

    fn schedule(text: &str) -> Result<Schedule, String> {
        text.parse::<ScheduleChoice>()?.schedule(0.5, 60)
    }

    #[test]
    fn lengths_are_the_trainings_where_they_are_left_out() {
        let cosine = |decay_steps, alpha, warmup| Schedule::Cosine { initial: 0.5, decay_steps, alpha, warmup };
        assert_eq!(schedule("cosine").unwrap(), cosine(60, 0.0, None));
        let warmup = Some(Warmup { target: 2.0, steps: 20 });
        assert_eq!(schedule("cosine:warmup_steps=20,warmup_target=2,alpha=0.1").unwrap(), cosine(40, 0.1, warmup));
        assert_eq!(schedule("cosine:decay_steps=7").unwrap(), cosine(7, 0.0, None));
    }

    #[test]
    fn every_schedule_can_be_had() {
        let initial = 0.5;
        let staircase = true;
        for (text, expected) in [
            (
                "exponential:decay_rate=0.9,decay_steps=10,staircase",
                Schedule::Exponential { initial, decay_steps: 10, decay_rate: 0.9, staircase },
            ),
            (
                "inverse-time:decay_rate=0.9,staircase=true",
                Schedule::InverseTime { initial, decay_steps: 60, decay_rate: 0.9, staircase },
            ),
            (
                "piecewise:boundaries=10;20,values=0.1;0.01;1e-3",
                Schedule::Piecewise { boundaries: vec![10, 20], values: vec![0.1, 0.01, 0.001] },
            ),
            (
                "polynomial:power=2,cycle",
                Schedule::Polynomial { initial, decay_steps: 60, end: 0.0001, power: 2.0, cycle: true },
            ),
            (
                "cosine-restarts:first_decay_steps=5",
                Schedule::CosineRestarts { initial, first_decay_steps: 5, t_mul: 2.0, m_mul: 1.0, alpha: 0.0 },
            ),
        ] {
            assert_eq!(schedule(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, message) in [
            ("linear", "no schedule `linear`; there are exponential, piecewise"),
            ("cosine:rate=1", "cosine has no `rate`; it takes decay_steps, alpha"),
            ("exponential", "exponential needs decay_rate=..."),
            ("cosine:decay_steps=0.5", "decay_steps=0.5: expected a whole number"),
            ("cosine:warmup_steps=5", "a warm-up needs"),
            ("piecewise:boundaries=10,values=1", "1 boundaries and 1 learning rates"),
            ("cosine:decay_steps=0", "0"),
        ] {
            let error = schedule(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
