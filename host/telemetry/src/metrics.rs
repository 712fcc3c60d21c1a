// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is counted: tokens, times, money. It is told as a whole each time, so nothing is lost with a request that fails.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum, metric, number_data_point,
};
use parking_lot::Mutex;
use priory_core::model::Spent;

use crate::attribute::{int, text};
use crate::names;

/// How many series there are at most; what is new beyond that is counted together.
const SERIES_MAX: usize = 2_000;
/// What series that are counted together are called, as the specification says.
const OVERFLOW: &str = "otel.metric.overflow";

/// The bounds of tokens, as the conventions advise.
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// The bounds of times in seconds, as the conventions advise.
const SECONDS: [f64; 14] = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

/// What is counted so far.
pub(crate) struct Metrics {
    start_unix_ms: u64,
    /// Who records holds it for as long as a map takes.
    series: Mutex<BTreeMap<Series, Counted>>,
}

/// One series: what is counted, of what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    metric: &'static str,
    labels: Vec<(&'static str, String)>,
}

#[derive(Debug, Clone, Default)]
struct Counted {
    count: u64,
    sum: f64,
    /// What is counted in whole numbers.
    whole: u64,
    buckets: Vec<u64>,
}

impl Metrics {
    pub(crate) fn new(start_unix_ms: u64) -> Self {
        Self { start_unix_ms, series: Mutex::default() }
    }

    /// Counts what was spent on a model; `id` is how its provider calls it.
    pub(crate) fn spent(&self, operation: &'static str, spent: &Spent, id: &str) {
        let labels = |kind: Option<&str>| {
            let mut labels = vec![
                (names::OPERATION, operation.to_owned()),
                (names::PROVIDER, spent.provider.to_string()),
                (names::REQUEST_MODEL, id.to_owned()),
            ];
            labels.extend(kind.map(|kind| (names::TOKEN_TYPE, kind.to_owned())));
            labels
        };
        for (kind, tokens) in [("input", spent.usage.input), ("output", spent.usage.output)] {
            self.count(names::METRIC_TOKENS, labels(Some(kind)), tokens as f64, tokens);
        }
        if spent.is_paid && spent.microusd > 0 {
            self.count(names::METRIC_COST, labels(None), 0.0, spent.microusd);
        }
    }

    /// Counts how long something took.
    pub(crate) fn ended(
        &self,
        operation: &'static str,
        named: &str,
        provider: Option<&str>,
        error: Option<&str>,
        seconds: f64,
        first_seconds: Option<f64>,
    ) {
        let (metric, name) = match operation {
            "invoke_agent" => (names::METRIC_AGENT, names::AGENT),
            "invoke_workflow" => (names::METRIC_WORKFLOW, names::WORKFLOW),
            "execute_tool" => (names::METRIC_TOOL, names::TOOL),
            _ => (names::METRIC_OPERATION, names::REQUEST_MODEL),
        };
        let mut labels = vec![(names::OPERATION, operation.to_owned()), (name, named.to_owned())];
        labels.extend(provider.map(|provider| (names::PROVIDER, provider.to_owned())));
        if let Some(first) = first_seconds {
            self.count(names::METRIC_FIRST, labels.clone(), first, 0);
        }
        labels.extend(error.map(|error| (names::ERROR, error.to_owned())));
        self.count(metric, labels, seconds, 0);
    }

    fn count(&self, metric: &'static str, mut labels: Vec<(&'static str, String)>, value: f64, whole: u64) {
        labels.sort_unstable();
        let mut all = self.series.lock();
        let mut series = Series { metric, labels };
        if all.len() >= SERIES_MAX && !all.contains_key(&series) {
            series.labels = vec![(OVERFLOW, "true".to_owned())];
        }
        let counted = all.entry(series).or_default();
        counted.count = counted.count.saturating_add(1);
        counted.sum += value;
        counted.whole = counted.whole.saturating_add(whole);
        let bounds = bounds(metric);
        counted.buckets.resize(bounds.len().saturating_add(1), 0);
        let bucket = bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len());
        if let Some(bucket) = counted.buckets.get_mut(bucket) {
            *bucket = bucket.saturating_add(1);
        }
    }

    /// Returns what was counted until now; nothing where nothing was.
    pub(crate) fn all(&self, now_unix_ms: u64) -> Vec<Metric> {
        let (start, now) = (nanos(self.start_unix_ms), nanos(now_unix_ms));
        let mut metrics: Vec<Metric> = Vec::new();
        for (series, counted) in &*self.series.lock() {
            // Series of one metric stand behind each other.
            if metrics.last().is_none_or(|last| last.name != series.metric) {
                metrics.push(empty(series.metric));
            }
            let labels = labels(&series.labels);
            match metrics.last_mut().and_then(|metric| metric.data.as_mut()) {
                Some(metric::Data::Histogram(histogram)) => histogram.data_points.push(HistogramDataPoint {
                    attributes: labels,
                    start_time_unix_nano: start,
                    time_unix_nano: now,
                    count: counted.count,
                    sum: Some(counted.sum),
                    bucket_counts: counted.buckets.clone(),
                    explicit_bounds: bounds(series.metric).to_vec(),
                    ..HistogramDataPoint::default()
                }),
                Some(metric::Data::Sum(sum)) => {
                    let whole = i64::try_from(counted.whole).unwrap_or(i64::MAX);
                    sum.data_points.push(NumberDataPoint {
                        attributes: labels,
                        start_time_unix_nano: start,
                        time_unix_nano: now,
                        value: Some(number_data_point::Value::AsInt(whole)),
                        ..NumberDataPoint::default()
                    });
                }
                _ => {}
            }
        }
        metrics
    }
}

/// Counts in what was lost on the way to the collector.
pub(crate) fn lost(spans: u64, start_unix_ms: u64, now_unix_ms: u64) -> Metric {
    let point = NumberDataPoint {
        attributes: vec![int("priory.telemetry.queue", crate::export::QUEUE_MAX as u64)],
        start_time_unix_nano: nanos(start_unix_ms),
        time_unix_nano: nanos(now_unix_ms),
        value: Some(number_data_point::Value::AsInt(i64::try_from(spans).unwrap_or(i64::MAX))),
        ..NumberDataPoint::default()
    };
    let mut metric =
        named("priory.telemetry.dropped", "{span}", "Spans that were dropped because the collector is slow.");
    metric.data = Some(metric::Data::Sum(Sum {
        data_points: vec![point],
        aggregation_temporality: AggregationTemporality::Cumulative.into(),
        is_monotonic: true,
    }));
    metric
}

fn bounds(metric: &str) -> &'static [f64] {
    if metric == names::METRIC_TOKENS { &TOKENS } else { &SECONDS }
}

fn nanos(unix_ms: u64) -> u64 {
    unix_ms.saturating_mul(1_000_000)
}

fn labels(labels: &[(&'static str, String)]) -> Vec<KeyValue> {
    labels.iter().map(|(key, value)| text(key, value.clone())).collect()
}

/// Makes a metric without any figures.
fn empty(name: &'static str) -> Metric {
    let (unit, description) = match name {
        names::METRIC_TOKENS => ("{token}", "Tokens of one request."),
        names::METRIC_COST => ("{microdollar}", "What models cost."),
        names::METRIC_OPERATION => ("s", "How long one request took."),
        names::METRIC_FIRST => ("s", "After how long the first piece of an answer came."),
        names::METRIC_WORKFLOW => ("s", "How long a workflow took."),
        names::METRIC_AGENT => ("s", "How long an agent took."),
        _ => ("s", "How long a tool took."),
    };
    let mut metric = named(name, unit, description);
    let temporality = AggregationTemporality::Cumulative.into();
    metric.data = Some(if name == names::METRIC_COST {
        metric::Data::Sum(Sum { data_points: Vec::new(), aggregation_temporality: temporality, is_monotonic: true })
    } else {
        metric::Data::Histogram(Histogram { data_points: Vec::new(), aggregation_temporality: temporality })
    });
    metric
}

fn named(name: &str, unit: &str, description: &str) -> Metric {
    Metric { name: name.to_owned(), unit: unit.to_owned(), description: description.to_owned(), ..Metric::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_fall_into_their_buckets() {
        let metrics = Metrics::new(1_000);
        for seconds in [0.005, 0.01, 0.011, 500.0] {
            metrics.ended("execute_tool", "files.read", None, None, seconds, None);
        }
        metrics.ended("execute_tool", "files.read", None, Some("denied"), 0.1, None);
        let all = metrics.all(2_000);
        let [metric] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((metric.name.as_str(), metric.unit.as_str()), (names::METRIC_TOOL, "s"));
        let Some(metric::Data::Histogram(histogram)) = &metric.data else { panic!("{metric:?}") };
        let points: Vec<_> = histogram.data_points.iter().map(|point| (point.count, point.attributes.len())).collect();
        assert_eq!(points, [(1, 3), (4, 2)]);
        let point = &histogram.data_points[1];
        assert_eq!((point.bucket_counts[0], point.bucket_counts[1], point.bucket_counts[14]), (2, 1, 1));
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (1_000_000_000, 2_000_000_000));
        assert_eq!(point.explicit_bounds.len() + 1, point.bucket_counts.len());
    }

    #[test]
    fn series_beyond_the_maximum_are_counted_together() {
        let metrics = Metrics::new(0);
        for n in 0..SERIES_MAX + 10 {
            metrics.ended("execute_tool", &format!("t.{n}"), None, None, 1.0, None);
        }
        let all = metrics.all(1);
        let Some(metric::Data::Histogram(histogram)) = &all[0].data else { panic!() };
        assert_eq!(histogram.data_points.len(), SERIES_MAX + 1);
        let over = histogram.data_points.iter().find(|point| point.attributes[0].key == OVERFLOW).unwrap();
        assert_eq!(over.count, 10);
    }
}
