//! The Grafana dashboard, made from the definitions of the metrics: a metric that is renamed is renamed here, or this does
//! not compile. Classic JSON, which Grafana 10 to 13 load.

mod panel;
mod rows;

use serde_json::{Value, json};

pub(super) use panel::Panel;
pub(super) use rows::rows;

/// A titled group of panels.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: Vec<Panel>,
}

/// Labels that every query is narrowed by, each a variable of its name.
pub(super) const VARIABLES: [(&str, &str); 4] =
    [("job", "Job"), ("instance", "Instance"), ("run", "Run"), ("rank", "Rank")];

/// The variable that says where the reports of runs are served.
const REPORTS: &str = "reports";

/// Cells across.
const WIDTH: u32 = 24;

/// The whole document.
pub(super) fn document() -> Value {
    json!({
        "uid": "xfer-training",
        "title": "xfer: loader and training",
        "description": "Throughput of the loader and of training, and which of them the other waits for.",
        "tags": ["xfer", "machine-learning"],
        "editable": false,
        "graphTooltip": 1,
        "schemaVersion": 39,
        "version": 1,
        "refresh": "10s",
        "time": { "from": "now-15m", "to": "now" },
        "timepicker": {},
        "timezone": "browser",
        "weekStart": "",
        "fiscalYearStartMonth": 0,
        "annotations": { "list": [] },
        "links": [{
            "title": "Reports",
            "tooltip": "The runs, and the page that each leaves beside its model; a line's own link opens that of its run",
            "type": "link",
            "icon": "doc",
            "url": format!("${{{REPORTS}}}/"),
            "targetBlank": true,
            "asDropdown": false,
            "includeVars": false,
            "keepTime": false,
            "tags": [],
        }],
        "templating": { "list": variables() },
        "panels": panels(),
    })
}

fn variables() -> Vec<Value> {
    let mut list = vec![json!({
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "regex": "",
        "refresh": 1,
        "hide": 0,
        "includeAll": false,
        "multi": false,
        "options": [],
        // Whichever is the default: a dashboard is no place for the name of one.
        "current": { "selected": false, "text": "default", "value": "default" },
    })];
    for (index, (name, label)) in VARIABLES.into_iter().enumerate() {
        // Each offers what those before it leave.
        let narrowed: Vec<String> = VARIABLES[..index].iter().map(|(name, _)| format!("{name}=~\"${name}\"")).collect();
        let query = format!("label_values({}{{{}}}, {name})", xfer_telemetry::build::INFO.name, narrowed.join(","));
        list.push(json!({
            "name": name,
            "label": label,
            "type": "query",
            "datasource": panel::DATASOURCE.clone(),
            "query": { "query": query, "refId": format!("variable-{name}") },
            "regex": "",
            "refresh": 2,
            "sort": 1,
            "hide": 0,
            "includeAll": true,
            "allValue": ".+",
            "multi": true,
            "options": [],
            "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
        }));
    }
    list.push(json!({
        "name": REPORTS,
        "label": "Reports at",
        "type": "textbox",
        "query": "http://localhost:8080",
        "hide": 0,
        "current": { "selected": true, "text": "http://localhost:8080", "value": "http://localhost:8080" },
        "options": [],
    }));
    list
}

/// Rows and their panels, each in its place.
fn panels() -> Vec<Value> {
    let mut placed = Vec::new();
    let mut y = 0;
    for row in rows() {
        placed.push(json!({
            "id": placed.len() + 1,
            "type": "row",
            "title": row.title,
            "collapsed": false,
            "gridPos": { "h": 1, "w": WIDTH, "x": 0, "y": y },
            "panels": [],
        }));
        y += 1;
        let (mut x, mut height) = (0, 0);
        for panel in row.panels {
            if x + panel.width > WIDTH {
                (x, y, height) = (0, y + height, 0);
            }
            placed.push(panel.json(placed.len() + 1, (x, y)));
            x += panel.width;
            height = height.max(panel.height);
        }
        y += height;
    }
    placed
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all() -> impl Iterator<Item = Panel> {
        rows().into_iter().flat_map(|row| row.panels)
    }

    // The strict rules of Grafana's dashboard linter.
    #[test]
    fn the_rules_of_the_linter_hold() {
        let mut titles = BTreeSet::new();
        for panel in all() {
            let title = panel.title;
            assert!(titles.insert(title), "{title} is there twice");
            assert!(!title.is_empty() && panel.description.ends_with('.') && !panel.unit.is_empty(), "{title}");
            assert!(!panel.queries.is_empty(), "{title}");
            for query in &panel.queries {
                let expression = &query.expression;
                let selectors = expression.matches('{').count();
                for (name, _) in VARIABLES {
                    let matcher = format!("{name}=~\"${name}\"");
                    assert_eq!(expression.matches(&matcher).count(), selectors, "{name} in {title}: {expression}");
                }
                for window in expression.split('[').skip(1) {
                    let total = window.starts_with("$__range]") && expression.contains("increase(");
                    assert!(total || window.starts_with("$__rate_interval]"), "{title}: {expression}");
                }
                assert!(!expression.contains("irate"), "{title}: {expression}");
            }
        }
    }

    #[test]
    fn the_rules_of_the_linter_hold_in_the_document() {
        // Of Grafana's units those in use: a misspelt one is shown as it is, after the value.
        const UNITS: [&str; 6] = ["none", "short", "percentunit", "s", "bytes", "Bps"];
        let document = document();
        let list = |value: &Value| value.as_array().unwrap().clone();
        for panel in list(&document["panels"]).iter().filter(|panel| panel["type"] != "row") {
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(UNITS.contains(&defaults["unit"].as_str().unwrap()), "{panel}");
            // The linter asks nobody for a unit who maps values, be it to nothing.
            assert!(defaults["mappings"].is_null(), "{panel}");
            let targets = list(&panel["targets"]);
            assert!(
                targets.iter().chain([panel]).all(|asker| asker["datasource"]["uid"] == "${datasource}"),
                "{panel}"
            );
        }
        let variables = list(&document["templating"]["list"]);
        let named = |name: &str| variables.iter().find(|variable| variable["name"] == name).unwrap();
        assert_eq!(named("datasource")["label"], "Data source");
        for name in ["job", "instance", "run", "rank"] {
            let variable = named(name);
            assert!(
                variable["allValue"] == ".+" && variable["multi"] == true && variable["refresh"] == 2,
                "{variable}"
            );
            assert_eq!(variable["datasource"]["uid"], "${datasource}");
        }
        assert_eq!(document["editable"], false);
    }

    // `${run}` in a link of the whole dashboard would be `.+` while all runs are shown.
    #[test]
    fn each_run_links_to_its_report() {
        let links: Vec<Value> =
            panels().into_iter().map(|panel| panel["fieldConfig"]["defaults"]["links"][0]["url"].clone()).collect();
        assert!(links.contains(&json!("${reports}/${__field.labels.run}/report.html")));
        assert!(!document()["links"].to_string().contains("${run}"));
    }

    #[test]
    fn counters_are_seen_as_rates_only() {
        use xfer_telemetry::Kind;
        let grows = |metric: &xfer_telemetry::Metric| matches!(metric.kind, Kind::Counter | Kind::SecondsCounter);
        for panel in all() {
            for query in &panel.queries {
                for metric in xfer_telemetry::all().filter(|metric| grows(metric)) {
                    for (at, _) in query.expression.match_indices(&format!("{}{{", metric.name)) {
                        let before = &query.expression[..at];
                        assert!(before.ends_with("rate(") || before.ends_with("increase("), "{}", query.expression);
                    }
                }
            }
        }
    }

    #[test]
    fn every_metric_is_on_the_dashboard() {
        let queries: String = all().flat_map(|panel| panel.queries).map(|query| query.expression + "\n").collect();
        for metric in xfer_telemetry::all() {
            assert!(queries.contains(metric.name), "{}", metric.name);
        }
    }

    #[test]
    fn panels_do_not_overlap() {
        let document = document();
        let mut taken = BTreeSet::new();
        for panel in document["panels"].as_array().unwrap() {
            let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(x < u64::from(WIDTH) && taken.insert((x, y)), "{}", panel["title"]);
                }
            }
        }
        let ids: BTreeSet<u64> =
            document["panels"].as_array().unwrap().iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), document["panels"].as_array().unwrap().len());
    }
}
