//! A panel as Grafana's JSON.

use std::sync::LazyLock;

use serde_json::{Value, json};
use xfer_telemetry::Metric;

use super::{REPORTS, VARIABLES};

/// Whatever the variable of this name points to.
pub(super) static DATASOURCE: LazyLock<Value> =
    LazyLock::new(|| json!({ "type": "prometheus", "uid": "${datasource}" }));

/// How values are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::observe) enum Look {
    /// The last value, large.
    Stat,
    /// Lines over time.
    Lines,
    /// Areas on top of each other over time.
    Stacked,
}

/// A question to Prometheus.
#[derive(Clone, Debug)]
pub(in crate::observe) struct Query {
    pub(in crate::observe) expression: String,
    /// Name of a line, with `{{label}}`.
    pub(in crate::observe) legend: &'static str,
}

/// One picture.
#[derive(Clone, Debug)]
pub(in crate::observe) struct Panel {
    pub(in crate::observe) title: &'static str,
    pub(super) description: &'static str,
    /// Grafana's name of a unit.
    pub(super) unit: &'static str,
    pub(super) look: Look,
    pub(super) width: u32,
    pub(super) height: u32,
    /// The range of values, where it is known.
    pub(super) limits: Option<(f64, f64)>,
    /// Where yellow and red begin.
    pub(super) thresholds: Option<(f64, f64)>,
    /// What is counted, beside the axis.
    pub(super) axis: &'static str,
    /// Whether a large value is its name: the value of an information metric says nothing.
    pub(super) named: bool,
    /// Whether there are more than three lines, as there are where they are stages or queues.
    pub(super) many: bool,
    pub(in crate::observe) queries: Vec<Query>,
}

impl Panel {
    pub(super) fn new(look: Look, title: &'static str, unit: &'static str, description: &'static str) -> Self {
        let (width, height) = if look == Look::Stat { (4, 4) } else { (8, 8) };
        Self {
            title,
            description,
            unit,
            look,
            width,
            height,
            limits: None,
            thresholds: None,
            axis: "",
            named: false,
            many: false,
            queries: Vec::new(),
        }
    }

    pub(super) fn query(mut self, legend: &'static str, expression: impl Into<String>) -> Self {
        self.queries.push(Query { expression: expression.into(), legend });
        self
    }

    /// Shares and ratios: from 0 to 1.
    pub(super) fn share(mut self) -> Self {
        self.limits = Some((0.0, 1.0));
        self
    }

    pub(super) fn thresholds(mut self, yellow: f64, red: f64) -> Self {
        self.thresholds = Some((yellow, red));
        self
    }

    /// Half the dashboard's width, with names at the side: at the bottom no more than three of them can be seen.
    pub(super) fn many(mut self) -> Self {
        (self.width, self.many) = (12, true);
        self
    }

    pub(super) fn narrow(mut self) -> Self {
        self.width = 6;
        self
    }

    pub(super) fn axis(mut self, axis: &'static str) -> Self {
        self.axis = axis;
        self
    }

    pub(super) fn named(mut self) -> Self {
        self.named = true;
        self
    }

    /// The panel at a place of the grid.
    pub(super) fn json(&self, id: usize, (x, y): (u32, u32)) -> Value {
        let targets: Vec<Value> = self
            .queries
            .iter()
            .zip('A'..)
            .map(|(query, name)| {
                json!({
                    "refId": name.to_string(),
                    "datasource": DATASOURCE.clone(),
                    "editorMode": "code",
                    "expr": query.expression,
                    "legendFormat": query.legend,
                    "range": self.look != Look::Stat,
                    "instant": self.look == Look::Stat,
                })
            })
            .collect();
        json!({
            "id": id,
            "type": if self.look == Look::Stat { "stat" } else { "timeseries" },
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE.clone(),
            "gridPos": { "h": self.height, "w": self.width, "x": x, "y": y },
            "fieldConfig": { "defaults": self.defaults(), "overrides": [] },
            "options": self.options(),
            "targets": targets,
            "transformations": [],
        })
    }

    fn defaults(&self) -> Value {
        let mut steps = vec![json!({ "color": "green", "value": null })];
        if let Some((yellow, red)) = self.thresholds {
            steps.push(json!({ "color": "yellow", "value": yellow }));
            steps.push(json!({ "color": "red", "value": red }));
        }
        let mut defaults = json!({
            "unit": self.unit,
            "thresholds": { "mode": "absolute", "steps": steps },
            "color": { "mode": if self.look == Look::Stat { "thresholds" } else { "palette-classic" } },
        });
        if self.queries.iter().any(|query| query.legend.contains("{{run}}")) {
            defaults["links"] = json!([{
                "title": "Report of the run",
                "url": format!("${{{REPORTS}}}/${{__field.labels.run}}/report.html"),
                "targetBlank": true,
            }]);
        }
        if let Some((min, max)) = self.limits {
            defaults["min"] = json!(min);
            defaults["max"] = json!(max);
        }
        if self.look != Look::Stat {
            let stacked = self.look == Look::Stacked;
            if stacked {
                defaults["min"] = json!(0);
            }
            defaults["custom"] = json!({
                "drawStyle": "line",
                "lineWidth": 1,
                "fillOpacity": if stacked { 40 } else { 8 },
                "showPoints": "never",
                "spanNulls": true,
                "axisPlacement": "auto",
                "axisLabel": self.axis,
                "stacking": { "mode": if stacked { "normal" } else { "none" }, "group": "A" },
                "thresholdsStyle": { "mode": if self.thresholds.is_some() { "line" } else { "off" } },
            });
        }
        defaults
    }

    fn options(&self) -> Value {
        if self.look == Look::Stat {
            json!({
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
                "colorMode": "value",
                "graphMode": "none",
                "justifyMode": "auto",
                "orientation": "auto",
                "textMode": if self.named { "name" } else { "auto" },
            })
        } else {
            json!({
                "legend": {
                    "displayMode": "table",
                    "placement": if self.many { "right" } else { "bottom" },
                    "showLegend": true,
                    "calcs": ["mean", "lastNotNull"],
                    "sortBy": "Mean",
                    "sortDesc": true,
                },
                "tooltip": { "mode": "multi", "sort": "desc" },
            })
        }
    }
}

/// A metric narrowed by the dashboard's variables.
pub(super) fn series(metric: &Metric) -> String {
    narrowed(metric.name)
}

/// A histogram's series of this suffix, narrowed by the dashboard's variables.
pub(super) fn part(metric: &Metric, suffix: &str) -> String {
    narrowed(&format!("{}_{suffix}", metric.name))
}

/// A metric that is not ours, narrowed likewise.
pub(super) fn narrowed(name: &str) -> String {
    let matchers: Vec<String> = VARIABLES.iter().map(|(name, _)| format!("{name}=~\"${name}\"")).collect();
    format!("{name}{{{}}}", matchers.join(", "))
}

/// How fast a counter grows, a second.
pub(super) fn rate(series: &str) -> String {
    format!("rate({series}[$__rate_interval])")
}
