use super::*;

fn judge(loss: &Loss, activation: Activation, logits: &[f32], outputs: usize, targets: Targets<'_>) -> Judgement {
    let mut to = Judgement::default();
    let batch = Judged { activation, outputs, logits, targets, weights: None, training: true };
    loss.judge(&batch, &mut to).unwrap();
    to
}

fn softmax(logits: &[f32], labels: &[u32], classes: usize) -> Judgement {
    judge(&Loss::default(), Activation::Softmax, logits, classes, Targets::Classes(labels))
}

fn sigmoid(logits: &[f32], outputs: usize, targets: Targets<'_>) -> Judgement {
    judge(&Loss::default(), Activation::Sigmoid, logits, outputs, targets)
}

#[test]
fn equal_logits_cost_the_logarithm_of_the_number_of_classes() {
    let result = softmax(&[0.0; 8], &[0, 3], 4);
    assert!((result.loss - 4f32.ln()).abs() < 1e-6);
    assert_eq!((result.correct, result.decisions), (1, 2), "the first of equal logits is the prediction");
    assert_eq!(result.gradient[..4], [(0.25 - 1.0) / 2.0, 0.125, 0.125, 0.125]);
    assert_eq!(result.probabilities, [0.25; 8]);
}

#[test]
fn huge_logits_neither_overflow_nor_clip() {
    let result = softmax(&[1000.0, -1000.0], &[1], 2);
    assert_eq!(result.loss, 2000.0);
    assert_eq!(result.gradient, [1.0, -1.0]);
    let result = softmax(&[1000.0, -1000.0], &[0], 2);
    assert_eq!((result.loss, result.correct), (0.0, 1));
    let result = sigmoid(&[1000.0, -1000.0], 1, Targets::Classes(&[0, 0]));
    assert_eq!((result.loss, result.correct), (500.0, 1));
    assert_eq!(result.gradient, [0.5, 0.0]);
}

/// The gradient against a central difference of `exact_loss`.
fn check_gradient(logits: &[f32], gradient: &[f32], exact_loss: impl Fn(&[f64]) -> f64) {
    for i in 0..logits.len() {
        let moved = |by: f64| {
            let mut z: Vec<f64> = logits.iter().copied().map(f64::from).collect();
            z[i] += by;
            exact_loss(&z)
        };
        let numeric = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        assert!((numeric - f64::from(gradient[i])).abs() < 1e-7, "{i}: {numeric} {}", gradient[i]);
    }
}

const LOGITS: [f32; 6] = [0.3, -1.2, 2.0, 0.1, 0.2, -0.7];

fn softmax_loss(z: &[f64], targets: &[f64], weights: [f64; 2]) -> f64 {
    let rows = z.chunks(3).zip(targets.chunks(3)).zip(weights);
    let row = |((z, t), w): ((&[f64], &[f64]), f64)| {
        let total = z.iter().map(|z| z.exp()).sum::<f64>().ln();
        w * z.iter().zip(t).map(|(z, t)| t * (total - z)).sum::<f64>()
    };
    rows.map(row).sum::<f64>() / 2.0
}

#[test]
fn the_gradient_agrees_with_finite_differences() {
    let gradient = softmax(&LOGITS, &[2, 0], 3).gradient;
    let targets = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0];
    check_gradient(&LOGITS, &gradient, |z| softmax_loss(z, &targets, [1.0, 1.0]));
}

#[test]
fn smoothing_and_weights_change_loss_and_gradient() {
    let loss = Loss::default().with_label_smoothing(0.3).unwrap().with_class_weights(vec![2.0, 1.0, 0.5]).unwrap();
    let mut result = Judgement::default();
    let (logits, targets) = (&LOGITS, Targets::Classes(&[2, 0]));
    let (activation, outputs) = (Activation::Softmax, 3);
    let batch = Judged { activation, outputs, logits, targets, weights: Some(&[3.0, 0.25]), training: true };
    loss.judge(&batch, &mut result).unwrap();
    let exact = |z: &[f64]| softmax_loss(z, &[0.1, 0.1, 0.8, 0.8, 0.1, 0.1], [0.5 * 3.0, 2.0 * 0.25]);
    check_gradient(&LOGITS, &result.gradient, exact);
    assert!((f64::from(result.loss) - exact(&LOGITS.map(f64::from))).abs() < 1e-6);
    // Classes weigh nothing in validation.
    loss.judge(&Judged { training: false, weights: None, ..batch }, &mut result).unwrap();
    let exact = softmax_loss(&LOGITS.map(f64::from), &[0.1, 0.1, 0.8, 0.8, 0.1, 0.1], [1.0, 1.0]);
    assert!((f64::from(result.loss) - exact).abs() < 1e-6);
}

#[test]
fn labels_are_judged_each_on_its_own() {
    let targets = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
    let result = sigmoid(&LOGITS, 3, Targets::Values(&targets));
    assert_eq!((result.correct, result.decisions), (3, 6));
    check_gradient(&LOGITS, &result.gradient, |z| {
        let each = z.iter().zip(targets).map(|(z, t)| z.exp().ln_1p() - z * f64::from(t));
        each.sum::<f64>() / 6.0
    });
}

#[test]
fn a_class_may_be_given_as_its_label() {
    let by_class = sigmoid(&LOGITS, 3, Targets::Classes(&[2, 0]));
    let by_label = sigmoid(&LOGITS, 3, Targets::Values(&[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]));
    assert_eq!((by_class.loss, by_class.gradient), (by_label.loss, by_label.gradient));
    let binary = sigmoid(&LOGITS, 1, Targets::Classes(&[1, 0, 1, 1, 1, 0]));
    assert_eq!(binary.correct, 6);
}

#[test]
fn logits_that_are_not_numbers_give_a_loss_that_is_none() {
    for bad in [f32::NAN, f32::INFINITY] {
        assert!(!softmax(&[bad, 0.0], &[1], 2).loss.is_finite());
        assert!(!sigmoid(&[bad, 0.0], 1, Targets::Classes(&[0, 0])).loss.is_finite());
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let refuse = |loss: &Loss, activation, logits: &[f32], outputs, targets, weights| {
        let batch = Judged { activation, outputs, logits, targets, weights, training: true };
        loss.judge(&batch, &mut Judgement::default()).unwrap_err()
    };
    let (softmax, sigmoid, plain) = (Activation::Softmax, Activation::Sigmoid, Loss::default());
    let weighted = plain.clone().with_class_weights(vec![1.0, 2.0, 3.0]).unwrap();
    let classes = Targets::Classes;
    let error = refuse(&plain, softmax, &[0.0; 4], 2, classes(&[0, 2]), None);
    assert!(matches!(error, TrainerError::LabelOutOfRange { label: 2, classes: 2 }));
    let error = refuse(&plain, sigmoid, &[0.0; 2], 1, classes(&[0, 2]), None);
    assert!(matches!(error, TrainerError::LabelOutOfRange { label: 2, classes: 2 }));
    let error = refuse(&plain, softmax, &[0.0; 4], 2, classes(&[0]), None);
    assert!(matches!(error, TrainerError::Labels { rows: 2, labels: 1 }));
    refuse(&plain, softmax, &[], 2, classes(&[]), None);
    let error = refuse(&plain, sigmoid, &[0.0; 4], 2, Targets::Values(&[0.0; 3]), None);
    assert_eq!(error.to_string(), "2 samples of 2 outputs have 3 target values");
    let error = refuse(&plain, softmax, &[0.0; 4], 2, classes(&[0, 1]), Some(&[1.0]));
    assert_eq!(error.to_string(), "2 samples have 1 weights");
    let error = refuse(&weighted, softmax, &[0.0; 4], 2, classes(&[0, 1]), None);
    assert_eq!(error.to_string(), "2 classes have 3 weights");
    let error = refuse(&weighted, sigmoid, &[0.0; 3], 3, Targets::Values(&[0.0; 3]), None);
    assert!(matches!(error, TrainerError::ClassWeightsOfLabels));
    assert!(Loss::default().with_label_smoothing(1.5).is_err());
    assert!(Loss::default().with_class_weights(vec![f32::NAN]).is_err());
}
