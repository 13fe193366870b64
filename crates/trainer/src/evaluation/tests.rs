use std::path::PathBuf;

use super::*;
use crate::head::Head;

// Expected values are scikit-learn 1.9.1's for the same logits, in double precision: log_loss, confusion_matrix,
// precision_recall_fscore_support(zero_division=0), top_k_accuracy_score, calibration_curve(n_bins=15). The last class is
// no sample's, the one before it is never predicted.
const LABELS: [u32; 30] = [3, 0, 1, 2, 3, 3, 3, 3, 0, 1, 2, 3, 0, 1, 2, 2, 2, 0, 3, 2, 0, 0, 3, 3, 0, 0, 3, 3, 2, 2];
const LOGITS: [[f32; 5]; 30] = [
    [0.0, 0.0, 0.75, -4.875, 0.125],
    [0.875, 0.875, 0.125, -5.875, -1.125],
    [0.75, 2.375, -1.375, -6.125, -2.375],
    [-0.125, -2.25, 0.875, -5.5, 0.625],
    [0.75, -1.75, -0.375, -6.5, 1.375],
    [-1.25, -0.625, -2.125, -5.375, 1.625],
    [-0.5, 1.625, 1.875, -5.75, -2.5],
    [0.625, 0.25, 1.875, -4.625, 0.125],
    [0.875, 0.125, 0.75, -7.625, 1.25],
    [-0.125, 0.875, -0.75, -4.375, -0.25],
    [-1.125, 0.0, 0.0, -7.125, -0.875],
    [-0.5, -1.375, -2.125, -4.125, 0.625],
    [-1.5, 1.5, 0.375, -5.75, 1.0],
    [0.625, 0.875, 0.625, -4.625, -0.125],
    [-0.75, 0.5, 0.75, -5.75, 1.125],
    [-0.5, 1.875, -0.125, -5.25, 0.625],
    [-1.125, -2.375, 1.375, -6.625, 1.125],
    [1.625, 0.75, -1.125, -6.375, -0.5],
    [-1.25, 0.25, 0.5, -4.375, 0.0],
    [-0.5, -0.75, 0.75, -6.25, -1.375],
    [2.0, 0.5, 0.5, -7.0, 0.25],
    [2.625, 0.875, -0.625, -6.625, -0.125],
    [1.875, 0.25, -1.125, -5.0, 0.875],
    [-1.75, 1.5, -0.25, -4.5, 1.0],
    [0.375, -1.0, -0.25, -6.625, -1.25],
    [0.875, 2.75, 1.625, -4.875, -0.875],
    [-0.375, -0.5, -1.25, -6.25, -1.25],
    [-0.625, -1.75, -0.375, -3.875, 0.0],
    [1.5, -1.25, 2.75, -5.5, 0.125],
    [0.625, 1.0, 0.0, -5.0, 1.25],
];

fn names(classes: usize) -> Vec<String> {
    (0..classes).map(|class| format!("class {class}")).collect()
}

fn predictions(activation: Activation, label: impl Fn(u32) -> u32, outputs: usize) -> Vec<Prediction> {
    let of = |(index, (&of_sample, logits)): (usize, (&u32, &[f32; 5]))| {
        let path = format!("{index}.jpg");
        Prediction::from_logits(path.as_ref(), Some(label(of_sample)), activation, &logits[..outputs]).unwrap()
    };
    LABELS.iter().zip(&LOGITS).enumerate().map(of).collect()
}

fn evaluation() -> Evaluation {
    Evaluation::of(&names(5), Activation::Softmax, &predictions(Activation::Softmax, |label| label, 5)).unwrap()
}

#[track_caller]
fn close(got: impl IntoIterator<Item = f64>, expected: impl IntoIterator<Item = f64>) {
    let (got, expected): (Vec<f64>, Vec<f64>) = (got.into_iter().collect(), expected.into_iter().collect());
    assert_eq!(got.len(), expected.len());
    assert!(got.iter().zip(&expected).all(|(got, expected)| (got - expected).abs() < 1e-6), "{got:?} {expected:?}");
}

#[test]
fn scores_are_those_of_scikit_learn() {
    let evaluation = evaluation();
    assert_eq!(evaluation.samples, 30);
    close([evaluation.loss, evaluation.accuracy], [3.171872542318981, 0.4]);
    assert_eq!(evaluation.binary_accuracy, None);
    let confusion = [[5, 2, 0, 0, 1], [0, 3, 0, 0, 0], [0, 2, 4, 0, 2], [2, 1, 4, 0, 4], [0; 5]];
    assert_eq!(evaluation.confusion, confusion);
    let per_class = &evaluation.per_class;
    close(per_class.iter().map(|class| class.precision), [0.7142857142857143, 0.375, 0.5, 0.0, 0.0]);
    close(per_class.iter().map(|class| class.recall), [0.625, 1.0, 0.5, 0.0, 0.0]);
    close(per_class.iter().map(|class| class.f1), [0.6666666666666666, 0.5454545454545454, 0.5, 0.0, 0.0]);
    assert_eq!(per_class.iter().map(|class| class.support).collect::<Vec<_>>(), [8, 3, 8, 11, 0]);
    assert_eq!(per_class.iter().map(|class| class.predicted).collect::<Vec<_>>(), [7, 8, 8, 0, 7]);
    let averages = |of: Averages| [of.precision, of.recall, of.f1];
    close(averages(evaluation.macro_average), [0.3178571428571429, 0.425, 0.3424242424242424]);
    close(averages(evaluation.weighted_average), [0.36130952380952386, 0.4, 0.3656565656565656]);
    assert_eq!(evaluation.top_k.iter().map(|top| top.k).collect::<Vec<_>>(), [2, 3]);
    close(evaluation.top_k.iter().map(|top| top.accuracy), [0.5, 0.5666666666666667]);
}

#[test]
fn calibration_is_that_of_guo_et_al() {
    let calibration = evaluation().calibration;
    close([calibration.expected_error, calibration.maximum_error], [0.20098278240718054, 0.5596583607652288]);
    let counts: Vec<u64> = calibration.bins.iter().map(|bin| bin.count).collect();
    assert_eq!(counts, [0, 0, 0, 0, 0, 7, 4, 5, 2, 8, 1, 1, 2, 0, 0]);
    let filled = || calibration.bins.iter().filter(|bin| bin.count > 0);
    close(filled().map(|bin| bin.accuracy), [0.2857142857142857, 0.25, 0.6, 0.0, 0.375, 1.0, 1.0, 0.5]);
    let confidence = [
        0.3732592626764858,
        0.4233026135181722,
        0.5194137039517063,
        0.5596583607652288,
        0.6317527310485996,
        0.7259415082261635,
        0.7833478274272563,
        0.8282387324500118,
    ];
    close(filled().map(|bin| bin.confidence), confidence);
    assert_eq!((calibration.bins[0].above, calibration.bins[14].up_to), (0.0, 1.0));
}

#[test]
fn a_confidence_on_an_edge_is_in_the_bin_below() {
    let sure = Prediction { probabilities: vec![1.0, 0.0], ..predictions(Activation::Softmax, |_| 0, 2).remove(0) };
    let fifth = Prediction { probabilities: vec![0.2; 5], ..sure.clone() };
    let count = |prediction: Prediction| {
        let (classes, activation) = (names(prediction.probabilities.len()), Activation::Softmax);
        let evaluation = Evaluation::of(&classes, activation, &[prediction]).unwrap();
        evaluation.calibration.bins.iter().position(|bin| bin.count == 1)
    };
    assert_eq!(count(sure), Some(14));
    // 0.2 as f32 is above 3/15.
    assert_eq!(count(fifth), Some(3));
}

#[test]
fn what_to_look_at_comes_in_order() {
    let evaluation = evaluation();
    let confusions: Vec<_> = evaluation.top_confusions.iter().map(|c| (c.label, c.predicted, c.count)).collect();
    let expected = [(3, 2, 4), (3, 4, 4), (0, 1, 2), (2, 1, 2), (2, 4, 2), (3, 0, 2), (0, 4, 1), (3, 1, 1)];
    assert_eq!(confusions, expected);
    let paths = |samples: &[Judged]| samples.iter().map(|s| s.path.display().to_string()).collect::<Vec<_>>();
    assert_eq!(paths(&evaluation.most_wrong)[..5], ["5.jpg", "25.jpg", "15.jpg", "11.jpg", "22.jpg"]);
    assert_eq!(evaluation.most_wrong.len(), 18);
    close(evaluation.most_wrong[..2].iter().map(|s| f64::from(s.confidence)), [0.84299618, 0.66438798]);
    assert!(evaluation.most_wrong.iter().all(|s| s.label != s.predicted && s.label_probability <= s.confidence));
    assert_eq!(paths(&evaluation.least_sure)[..5], ["13.jpg", "10.jpg", "26.jpg", "8.jpg", "1.jpg"]);
}

#[test]
fn one_sigmoid_tells_two_classes_apart() {
    let predictions = predictions(Activation::Sigmoid, |label| u32::from(label > 1), 1);
    let evaluation = Evaluation::of(&names(2), Activation::Sigmoid, &predictions).unwrap();
    close([evaluation.loss, evaluation.accuracy], [1.0656714078643503, 0.23333333333333334]);
    assert_eq!(evaluation.confusion, [[2, 9], [14, 5]]);
    close([evaluation.calibration.expected_error], [0.46884003484495324]);
    assert!(evaluation.top_k.is_empty());
    let [first, second] = predictions[1].probabilities[..] else { panic!("two classes") };
    close([f64::from(first + second), f64::from(second)], [1.0, 1.0 / (1.0 + (-0.875f64).exp())]);
}

#[test]
fn several_sigmoids_are_judged_by_output_too() {
    let evaluation =
        Evaluation::of(&names(5), Activation::Sigmoid, &predictions(Activation::Sigmoid, |label| label, 5)).unwrap();
    close([evaluation.loss, evaluation.binary_accuracy.unwrap()], [0.9668541437438634, 0.58]);
    assert_eq!(evaluation.accuracy, 0.4);
}

#[test]
fn a_loss_is_finite_where_a_probability_is_not_above_zero() {
    let (path, activation) = ("a.jpg".as_ref(), Activation::Softmax);
    let prediction = Prediction::from_logits(path, Some(1), activation, &[200.0, 0.0]).unwrap();
    assert_eq!((prediction.probabilities[1], prediction.loss), (0.0, Some(200.0)));
    assert_eq!((prediction.predicted, prediction.confidence()), (0, 1.0));
    assert_eq!(prediction.ranked(), [0, 1]);
}

#[test]
fn a_head_predicts_photo_by_photo() {
    let head = Head::from_parameters(2, 2, &[1.0, 0.0, 0.0, 1.0], vec![0.0; 2]).unwrap();
    let photos = || ["a", "b"].map(|name| (PathBuf::from(name), None));
    let predictions = Prediction::all(&head, &[3.0, 1.0, 0.0, 0.0], photos()).unwrap();
    assert_eq!(predictions[0].probabilities, head.probabilities(&[3.0, 1.0]).unwrap());
    assert_eq!((predictions[1].predicted, predictions[1].loss), (0, None));
    assert!(Prediction::all(&head, &[0.0; 6], photos()).is_err(), "too few photos");
    assert!(Prediction::all(&head, &[0.0; 2], photos()).is_err(), "too many photos");
    let error = Prediction::all(&head, &[f32::NAN, 0.0, 0.0, 0.0], photos()).unwrap_err().to_string();
    assert!(error.contains("a: the head's outputs are not finite"), "{error}");
}

#[test]
fn what_cannot_be_judged_is_refused() {
    let (path, activation) = ("a.jpg".as_ref(), Activation::Softmax);
    let unlabelled = Prediction::from_logits(path, None, activation, &[1.0, 0.0]).unwrap();
    let judge = |classes, predictions: &[Prediction]| Evaluation::of(&names(classes), activation, predictions);
    assert!(matches!(judge(2, &[]), Err(TrainerError::NothingJudged)));
    assert!(matches!(judge(2, std::slice::from_ref(&unlabelled)), Err(TrainerError::NothingJudged)));
    let labelled = Prediction { label: Some(1), loss: Some(1.0), ..unlabelled.clone() };
    assert_eq!(judge(2, &[unlabelled, labelled.clone()]).unwrap().samples, 1);
    assert!(matches!(judge(3, std::slice::from_ref(&labelled)), Err(TrainerError::PredictionClasses { .. })));
    assert!(judge(2, &[Prediction { label: Some(2), ..labelled }]).is_err());
    let error = Prediction::from_logits(path, Some(2), activation, &[1.0, 0.0]).unwrap_err();
    assert!(matches!(error, TrainerError::LabelOutOfRange { label: 2, classes: 2 }));
}

#[test]
fn an_evaluation_survives_json() {
    let evaluation = evaluation();
    let json = serde_json::to_value(&evaluation).unwrap();
    assert_eq!(json["confusion"][0][1], 2);
    assert_eq!(json["per_class"][1]["recall"], 1.0);
    assert_eq!(json["calibration"]["bins"][5]["count"], 7);
    let read: Evaluation = serde_json::from_value(json).unwrap();
    assert_eq!(read, evaluation);
}
