//! What is trained on top of the features: features -> (Dense, relu) -> Dense -> probabilities.

mod dense;
mod dropout;
mod pass;

use serde::{Deserialize, Serialize};

use crate::error::TrainerError;
use crate::state::State;

pub use dense::Dense;
pub use dropout::Dropout;
pub(crate) use pass::Pass;

/// A Dense layer of logits, with another Dense layer and its relu before it where that is wanted.
///
/// # Shapes
///
/// Features are `[rows, features]`, logits `[rows, outputs]`, both f32, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    hidden: Option<Dense>,
    output: Dense,
    activation: Activation,
}

/// What makes probabilities of logits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// One class a sample: probabilities that add up to 1, trained by categorical cross-entropy.
    #[default]
    Softmax,
    /// Each output on its own, trained by binary cross-entropy: one output that tells two classes apart, or one
    /// for each label of samples that may have several.
    Sigmoid,
}

/// The shape of a fresh head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadOptions {
    /// Length of a feature vector.
    pub features: usize,
    /// Outputs of the last layer.
    pub outputs: usize,
    /// Units of a hidden layer, where there is to be one.
    pub hidden: Option<usize>,
    /// What follows the last layer.
    pub activation: Activation,
    /// What decides the draws.
    pub seed: u64,
}

/// Keep the layers' draws apart from each other and from others made with the same seed.
const OUTPUT_STREAM: [u8; 8] = *b"head\0\0\0\0";
const HIDDEN_STREAM: [u8; 8] = *b"hidden\0\0";

impl Head {
    /// One fresh softmax layer: kernel drawn uniformly from ±sqrt(6 / (features + classes)) (Keras'
    /// `glorot_uniform`), zero bias. The draws follow from `seed` alone, on any machine.
    ///
    /// # Errors
    ///
    /// There are no features or no classes.
    pub fn glorot_uniform(features: usize, classes: usize, seed: u64) -> Result<Self, TrainerError> {
        Self::new(&HeadOptions { features, outputs: classes, hidden: None, activation: Activation::Softmax, seed })
    }

    /// A fresh head; every layer is drawn as by [`glorot_uniform`](Self::glorot_uniform).
    ///
    /// # Errors
    ///
    /// There are no features, no outputs, or a hidden layer of no units.
    pub fn new(options: &HeadOptions) -> Result<Self, TrainerError> {
        let &HeadOptions { features, outputs, hidden, activation, seed } = options;
        let hidden = hidden.map(|units| Dense::glorot_uniform(features, units, seed, HIDDEN_STREAM)).transpose()?;
        let inputs = hidden.as_ref().map_or(features, Dense::outputs);
        Ok(Self { hidden, output: Dense::glorot_uniform(inputs, outputs, seed, OUTPUT_STREAM)?, activation })
    }

    /// One softmax layer with these parameters: `kernel` is `[features, classes]` row-major, `bias` `[classes]`.
    ///
    /// # Errors
    ///
    /// The lengths do not belong to that shape, or there are no features or no classes.
    pub fn from_parameters(
        features: usize,
        classes: usize,
        kernel: &[f32],
        bias: Vec<f32>,
    ) -> Result<Self, TrainerError> {
        Self::from_layers(None, Dense::from_parameters(features, classes, kernel, bias)?, Activation::Softmax)
    }

    /// A head of these layers.
    ///
    /// # Errors
    ///
    /// The output layer does not take what the hidden layer makes.
    pub fn from_layers(hidden: Option<Dense>, output: Dense, activation: Activation) -> Result<Self, TrainerError> {
        match &hidden {
            Some(hidden) if hidden.outputs() != output.inputs() => {
                Err(TrainerError::FeatureLength { expected: output.inputs(), got: hidden.outputs() })
            }
            _ => Ok(Self { hidden, output, activation }),
        }
    }

    /// Length of the feature vectors that it takes.
    pub fn features(&self) -> usize {
        self.hidden.as_ref().unwrap_or(&self.output).inputs()
    }

    /// Outputs of the last layer: probabilities of a sample.
    pub fn outputs(&self) -> usize {
        self.output.outputs()
    }

    /// Number of classes: the outputs, but 2 for one output with a sigmoid.
    pub fn classes(&self) -> usize {
        if self.activation == Activation::Sigmoid { self.outputs().max(2) } else { self.outputs() }
    }

    /// What follows the last layer.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Number of trained parameters.
    pub fn parameters(&self) -> usize {
        self.hidden.as_ref().map_or(0, Dense::parameters) + self.output.parameters()
    }

    /// The hidden layer.
    pub fn hidden(&self) -> Option<&Dense> {
        self.hidden.as_ref()
    }

    /// The last layer.
    pub fn output(&self) -> &Dense {
        &self.output
    }

    /// The last layer's kernel, `[inputs, outputs]` row-major.
    pub fn kernel(&self) -> Vec<f32> {
        self.output.kernel()
    }

    /// The last layer's bias, `[outputs]`.
    pub fn bias(&self) -> &[f32] {
        self.output.bias()
    }

    /// The logits of `features` (`[rows, features]`), `[rows, outputs]`.
    ///
    /// # Errors
    ///
    /// The length of `features` is no multiple of the length of a feature vector.
    pub fn logits(&self, features: &[f32]) -> Result<Vec<f32>, TrainerError> {
        let mut pass = Pass::default();
        self.forward(features, None, &mut pass)?;
        Ok(pass.logits)
    }

    /// The probabilities of `features` (`[rows, features]`), `[rows, outputs]`, each `0..=1`. Those of a softmax
    /// add up to 1 in each row; one output with a sigmoid is the probability of the second class.
    ///
    /// # Errors
    ///
    /// As [`logits`](Self::logits).
    pub fn probabilities(&self, features: &[f32]) -> Result<Vec<f32>, TrainerError> {
        let mut probabilities = self.logits(features)?;
        probabilities.chunks_exact_mut(self.outputs()).for_each(|row| self.activation.apply(row));
        Ok(probabilities)
    }

    /// The parameters' tensors in a fixed order: kernel and bias of the hidden layer, then of the last one; each
    /// kernel has one row an output.
    pub(crate) fn parameters_mut(&mut self) -> Vec<&mut [f32]> {
        self.hidden.as_mut().into_iter().chain([&mut self.output]).flat_map(Dense::parameters_mut).collect()
    }

    /// All parameters.
    pub fn state(&self) -> State {
        let mut state = State::default();
        for (name, layer) in self.layers() {
            state.set_floats(format!("{name}/kernel"), &layer.kernel());
            state.set_floats(format!("{name}/bias"), layer.bias());
        }
        state
    }

    /// Takes the parameters of a head of the same shape.
    ///
    /// # Errors
    ///
    /// `state` is not of such a head.
    pub fn restore(&mut self, state: &State) -> Result<(), TrainerError> {
        let read = |name: &str, layer: &Dense| {
            let (inputs, outputs) = (layer.inputs(), layer.outputs());
            let kernel = state.floats(&format!("{name}/kernel"), inputs * outputs)?;
            let bias = state.floats(&format!("{name}/bias"), outputs)?;
            Dense::from_parameters(inputs, outputs, kernel, bias.to_vec())
        };
        let mut layers = self.layers().map(|(name, layer)| read(name, layer)).collect::<Result<Vec<_>, _>>()?;
        if let Some((name, _)) = state.part("hidden").tensors().next().filter(|_| self.hidden.is_none()) {
            let (name, expected) = (format!("hidden/{name}"), "none".to_owned());
            return Err(TrainerError::State { name, expected, got: "a hidden layer".to_owned() });
        }
        if let Some(output) = layers.pop() {
            (self.hidden, self.output) = (layers.pop(), output);
        }
        Ok(())
    }

    fn layers(&self) -> impl Iterator<Item = (&'static str, &Dense)> {
        self.hidden.iter().map(|layer| ("hidden", layer)).chain([("output", &self.output)])
    }
}

impl Activation {
    /// Makes probabilities of one row of logits.
    pub(crate) fn apply(self, row: &mut [f32]) {
        match self {
            Self::Softmax => {
                let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                row.iter_mut().for_each(|z| *z = (*z - max).exp());
                let total = crate::linalg::sum(row);
                row.iter_mut().for_each(|e| *e /= total);
            }
            Self::Sigmoid => row.iter_mut().for_each(|z| *z = sigmoid(*z)),
        }
    }
}

/// `1 / (1 + exp(-z))`, without overflow.
pub(crate) fn sigmoid(z: f32) -> f32 {
    let small = (-z.abs()).exp();
    if z >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_head_is_glorot_uniform_with_zero_bias() {
        let head = Head::glorot_uniform(2048, 2, 123).unwrap();
        let (kernel, limit) = (head.kernel(), (6.0f64 / 2050.0).sqrt());
        assert_eq!(head.parameters(), 4098);
        assert!(head.bias().iter().all(|&b| b == 0.0));
        assert!(kernel.iter().all(|&k| f64::from(k).abs() <= limit + 1e-9));
        let mean: f64 = kernel.iter().map(|&k| f64::from(k)).sum::<f64>() / 4096.0;
        let variance: f64 = kernel.iter().map(|&k| f64::from(k).powi(2)).sum::<f64>() / 4096.0;
        assert!(mean.abs() < 3.0 * limit / (3.0f64 * 4096.0).sqrt(), "mean {mean}");
        assert!((variance / (limit * limit / 3.0) - 1.0).abs() < 0.05, "variance {variance}");
    }

    #[test]
    fn the_seed_decides_the_draw_on_every_machine() {
        let head = Head::glorot_uniform(3, 2, 123).unwrap();
        assert_eq!(head, Head::glorot_uniform(3, 2, 123).unwrap());
        assert_ne!(head, Head::glorot_uniform(3, 2, 124).unwrap());
        // From another implementation of ChaCha8, key 123, stream "head".
        let golden = [1065685238, 1045995122, 1060146970, 1055546090, 3211699224, 3213493854];
        assert_eq!(head.kernel().iter().map(|k| k.to_bits()).collect::<Vec<_>>(), golden);
    }

    #[test]
    fn logits_are_the_product_in_keras_layout() {
        // kernel [[1, 10], [2, 20], [3, 30]], bias [0.5, -0.5]
        let head = Head::from_parameters(3, 2, &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0], vec![0.5, -0.5]).unwrap();
        let logits = head.logits(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]).unwrap();
        assert_eq!(logits, [1.5, 9.5, 6.5, 59.5]);
        assert_eq!(head.kernel(), [1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
    }

    #[test]
    fn a_hidden_layer_has_its_own_draw_and_its_relu() {
        let options =
            HeadOptions { features: 3, outputs: 2, hidden: Some(3), activation: Activation::Softmax, seed: 123 };
        let head = Head::new(&options).unwrap();
        let hidden = head.hidden().unwrap();
        assert_ne!(hidden.kernel()[..6], Head::glorot_uniform(3, 2, 123).unwrap().kernel());
        assert_eq!(head.parameters(), 12 + 8);
        let relu: Vec<f32> = hidden.kernel()[3..6].iter().map(|value| value.max(0.0)).collect();
        let output = Head::from_layers(None, head.output().clone(), Activation::Softmax).unwrap();
        assert_eq!(head.logits(&[0.0, 1.0, 0.0]).unwrap(), output.logits(&relu).unwrap());
    }

    #[test]
    fn probabilities_are_those_of_the_activation() {
        let output = Dense::from_parameters(1, 2, &[1.0, 0.0], vec![0.0; 2]).unwrap();
        let head = |activation| Head::from_layers(None, output.clone(), activation).unwrap();
        let third = (2.0f32).ln();
        let softmax = head(Activation::Softmax).probabilities(&[third, 0.0]).unwrap();
        assert!((softmax[0] - 2.0 / 3.0).abs() < 1e-6 && softmax[2..] == [0.5, 0.5]);
        let sigmoid = head(Activation::Sigmoid).probabilities(&[third, -1000.0]).unwrap();
        assert!((sigmoid[0] - 2.0 / 3.0).abs() < 1e-6);
        assert_eq!(sigmoid[1..], [0.5, 0.0, 0.5]);
    }

    #[test]
    fn one_sigmoid_tells_two_classes_apart() {
        let options = HeadOptions { features: 3, outputs: 1, hidden: None, activation: Activation::Sigmoid, seed: 1 };
        assert_eq!(Head::new(&options).unwrap().classes(), 2);
        let labels = Head::new(&HeadOptions { outputs: 5, ..options }).unwrap();
        assert_eq!((labels.classes(), labels.outputs()), (5, 5));
    }

    #[test]
    fn a_state_goes_into_a_head_of_its_shape_only() {
        let options =
            HeadOptions { features: 3, outputs: 2, hidden: Some(4), activation: Activation::Softmax, seed: 1 };
        let head = Head::new(&options).unwrap();
        let mut other = Head::new(&HeadOptions { seed: 2, ..options }).unwrap();
        other.restore(&head.state()).unwrap();
        assert_eq!(other, head);
        let mut plain = Head::glorot_uniform(3, 2, 1).unwrap();
        let error = plain.restore(&head.state()).unwrap_err().to_string();
        assert_eq!(error, "the saved state's output/kernel: expected 6 f32, got 8 f32");
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert!(matches!(
            Head::from_parameters(3, 2, &[0.0; 5], vec![0.0; 2]),
            Err(TrainerError::ParameterLength { name: "kernel", expected: 6, got: 5 })
        ));
        assert!(matches!(
            Head::from_parameters(3, 2, &[0.0; 6], vec![0.0; 3]),
            Err(TrainerError::ParameterLength { name: "bias", .. })
        ));
        assert!(matches!(Head::glorot_uniform(0, 2, 1), Err(TrainerError::EmptyHead { .. })));
        let (wide, narrow) = (Head::glorot_uniform(3, 4, 1).unwrap(), Head::glorot_uniform(3, 2, 1).unwrap());
        let hidden = Some(wide.output().clone());
        assert!(Head::from_layers(hidden, narrow.output().clone(), Activation::Softmax).is_err());
        let head = Head::glorot_uniform(3, 2, 1).unwrap();
        assert!(matches!(head.logits(&[0.0; 4]), Err(TrainerError::FeatureLength { expected: 3, got: 4 })));
    }
}
