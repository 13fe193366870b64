use super::*;
use crate::schedule::Schedule;

/// One step on one tensor.
fn step(optimizer: &mut dyn Optimizer, values: &mut [f32], gradient: &[f32]) {
    optimizer.step(&mut [Parameter { values, gradient: &mut gradient.to_vec() }]);
}

fn sgd(options: OptimizerOptions, momentum: f64, nesterov: bool) -> Sgd {
    Sgd::with_options(options, momentum, nesterov).unwrap()
}

fn rate(learning_rate: f32) -> OptimizerOptions {
    OptimizerOptions::new(learning_rate)
}

#[test]
fn sgd_goes_against_the_gradient() {
    let (mut kernel, mut bias) = ([1.0, -1.0], [0.0]);
    Sgd::new(0.5).step(&mut [
        Parameter { values: &mut kernel, gradient: &mut [2.0, -4.0] },
        Parameter { values: &mut bias, gradient: &mut [1.0] },
    ]);
    assert_eq!((kernel, bias), ([0.0, 1.0], [-0.5]));
}

#[test]
fn momentum_goes_on() {
    let mut values = [0.0];
    let mut optimizer = sgd(rate(0.5), 0.5, false);
    step(&mut optimizer, &mut values, &[1.0]);
    assert_eq!(values, [-0.5]);
    step(&mut optimizer, &mut values, &[0.0]);
    assert_eq!(values, [-0.75]);
    let (mut values, mut optimizer) = ([0.0], sgd(rate(0.5), 0.5, true));
    step(&mut optimizer, &mut values, &[1.0]);
    assert_eq!(values, [-0.75]);
}

#[test]
fn decay_is_apart_from_the_gradient() {
    let mut values = [2.0];
    let mut optimizer = sgd(OptimizerOptions { weight_decay: Some(0.5), ..rate(0.5) }, 0.5, false);
    step(&mut optimizer, &mut values, &[0.0]);
    assert_eq!(values, [1.5], "and leaves no momentum");
    step(&mut optimizer, &mut values, &[0.0]);
    assert_eq!(values, [1.125]);
}

#[test]
fn gradients_are_cut_in_three_ways() {
    let cut = |clip| {
        let (mut a, mut b) = ([0.0; 2], [0.0]);
        let mut optimizer = sgd(OptimizerOptions { clip: Some(clip), ..rate(1.0) }, 0.0, false);
        optimizer.step(&mut [
            Parameter { values: &mut a, gradient: &mut [3.0, -4.0] },
            Parameter { values: &mut b, gradient: &mut [12.0] },
        ]);
        [a[0], a[1], b[0]].map(|value| -value)
    };
    assert_eq!(cut(Clip::Norm(2.5)), [1.5, -2.0, 2.5]);
    assert_eq!(cut(Clip::Norm(6.0)), [3.0, -4.0, 6.0]);
    assert_eq!(cut(Clip::Value(3.5)), [3.0, -3.5, 3.5]);
    let global = cut(Clip::GlobalNorm(6.5));
    assert!(global.iter().zip([1.5, -2.0, 6.0]).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-5), "{global:?}");
    assert_eq!(cut(Clip::GlobalNorm(100.0)), [3.0, -4.0, 12.0]);
}

#[test]
fn a_gradient_that_is_no_number_is_not_cut_away() {
    for clip in [Clip::Norm(1.0), Clip::GlobalNorm(1.0), Clip::Value(1.0)] {
        let mut values = [0.0];
        step(&mut sgd(OptimizerOptions { clip: Some(clip), ..rate(1.0) }, 0.0, false), &mut values, &[f32::NAN]);
        assert!(values[0].is_nan(), "{clip:?}");
    }
}

#[test]
fn the_first_step_of_adam_is_the_learning_rate() {
    let mut values = [1.0, 1.0, 1.0];
    let mut adam = Adam::with_options(rate(0.125), AdamOptions::default()).unwrap();
    step(&mut adam, &mut values, &[0.5, -50.0, 0.0]);
    assert!((values[0] - 0.875).abs() < 1e-4 && (values[1] - 1.125).abs() < 1e-4 && values[2] == 1.0, "{values:?}");
}

#[test]
fn averages_become_the_parameters_at_the_end() {
    let ema = Some(Ema { momentum: 0.5, overwrite_every: None });
    let (mut values, mut optimizer) = ([0.0], sgd(OptimizerOptions { ema, ..rate(1.0) }, 0.0, false));
    optimizer.finish(&mut [&mut values]);
    assert_eq!(values, [0.0], "there is no average yet");
    step(&mut optimizer, &mut values, &[-4.0]);
    step(&mut optimizer, &mut values, &[-4.0]);
    assert_eq!(values, [8.0]);
    optimizer.finish(&mut [&mut values]);
    assert_eq!(values, [6.0]);
}

/// Every kind of state there is.
fn optimizers() -> Vec<Box<dyn Optimizer>> {
    let ema = Some(Ema { momentum: 0.9, overwrite_every: Some(4) });
    let averaged = OptimizerOptions { ema, weight_decay: Some(0.01), ..rate(0.1) };
    let schedule = Schedule::Exponential { initial: 0.1, decay_steps: 3, decay_rate: 0.5, staircase: false };
    let amsgrad = AdamOptions { amsgrad: true, ..AdamOptions::default() };
    vec![
        Box::new(Sgd::new(0.1)),
        Box::new(sgd(averaged.clone(), 0.9, true)),
        Box::new(sgd(OptimizerOptions::new(schedule), 0.9, false)),
        Box::new(Adam::with_options(averaged.clone(), AdamOptions::default()).unwrap()),
        Box::new(Adam::with_options(averaged, amsgrad).unwrap()),
    ]
}

#[test]
fn a_restored_optimizer_goes_on_to_the_bit() {
    for stop in [0, 1, 6] {
        for (mut whole, (mut first, mut second)) in
            optimizers().into_iter().zip(optimizers().into_iter().zip(optimizers()))
        {
            let run = |optimizer: &mut dyn Optimizer, values: &mut [f32], steps: std::ops::Range<u64>| {
                for i in steps {
                    if i == 3 {
                        // Where a schedule gives the rate, it cannot be set.
                        let _ = optimizer.set_learning_rate(0.07);
                    }
                    let gradient = [(i as f32).sin(), (i as f32).cos()];
                    step(optimizer, values, &gradient);
                }
            };
            let (mut expected, mut values) = ([0.3, -0.2], [0.3, -0.2]);
            run(&mut *whole, &mut expected, 0..10);
            run(&mut *first, &mut values, 0..stop);
            second.restore(&first.state(), &[2]).unwrap();
            assert_eq!(second.iterations(), stop);
            run(&mut *second, &mut values, stop..10);
            whole.finish(&mut [&mut expected]);
            second.finish(&mut [&mut values]);
            assert_eq!(values.map(f32::to_bits), expected.map(f32::to_bits), "{whole:?} stopped after {stop}");
            assert_eq!(whole.state(), second.state());
        }
    }
}

#[test]
fn a_state_of_something_else_is_refused() {
    let (mut values, mut plain) = ([0.0; 2], Sgd::new(0.1));
    step(&mut plain, &mut values, &[1.0, 1.0]);
    let error = sgd(rate(0.1), 0.9, false).restore(&plain.state(), &[2]).unwrap_err().to_string();
    assert_eq!(error, "the saved state's momentum/0: expected 2 f32, got none");
    let mut moving = sgd(rate(0.1), 0.9, false);
    step(&mut moving, &mut values, &[1.0, 1.0]);
    assert!(moving.clone().restore(&moving.state(), &[3]).is_err());
    assert!(moving.restore(&State::default(), &[2]).is_err());
}

#[test]
fn a_scheduled_rate_cannot_be_set() {
    let schedule = Schedule::Piecewise { boundaries: vec![0], values: vec![1.0, 0.5] };
    let mut optimizer = sgd(OptimizerOptions::new(schedule), 0.0, false);
    assert!(matches!(optimizer.set_learning_rate(0.1), Err(TrainerError::ScheduledLearningRate)));
    assert_eq!(optimizer.learning_rate(), 1.0);
    step(&mut optimizer, &mut [0.0], &[0.0]);
    assert_eq!(optimizer.learning_rate(), 0.5);
}

#[test]
fn options_out_of_range_are_refused() {
    let refused = |options, momentum| Sgd::with_options(options, momentum, false).unwrap_err().to_string();
    assert_eq!(refused(rate(0.1), 1.5), "momentum is 1.5; it must be 0 to 1");
    assert!(refused(OptimizerOptions { weight_decay: Some(-1.0), ..rate(0.1) }, 0.0).contains("weight_decay"));
    assert!(refused(OptimizerOptions { clip: Some(Clip::Value(0.0)), ..rate(0.1) }, 0.0).contains("clip is 0"));
    let ema = Some(Ema { momentum: 2.0, overwrite_every: None });
    assert!(refused(OptimizerOptions { ema, ..rate(0.1) }, 0.0).contains("ema momentum is 2"));
    let adam = |options| Adam::with_options(rate(0.1), options).unwrap_err().to_string();
    assert!(adam(AdamOptions { beta_2: -0.1, ..AdamOptions::default() }).contains("beta_2"));
    assert!(adam(AdamOptions { epsilon: f64::NAN, ..AdamOptions::default() }).contains("epsilon"));
}

#[test]
fn a_config_is_written_and_read() {
    let json = r#"{"rule":{"sgd":{"momentum":0.9}},"options":{"learning_rate":{"kind":"constant","learning_rate":0.1},
        "clip":{"global_norm":1.0}}}"#;
    let config: OptimizerConfig = serde_json::from_str(json).unwrap();
    assert_eq!(config.rule, Rule::Sgd { momentum: 0.9, nesterov: false });
    let again: OptimizerConfig = serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap();
    assert_eq!(again, config);
    assert_eq!(config.build().unwrap().learning_rate(), 0.1);
    assert!(serde_json::from_str::<OptimizerConfig>(&json.replace("momentum", "momentom")).is_err());
}
