//! Xception as `keras.applications.xception` builds it (Chollet, 2016, arXiv:1610.02357).
//!
//! The shortcuts, their batch norms and the additions have no names in Keras and get numbered ones: `conv2d`,
//! `conv2d_1`, ..., `batch_normalization`, ..., `add`, ...

use crate::layers::{Graph, GraphBuilder, Op, Padding};

/// The layers, from `input_1` to `global_average_pooling2d`.
pub fn graph() -> Graph {
    let mut g = GraphBuilder::default();
    let conv = |filters, stride| Op::Conv2D { filters, kernel: 3, stride, padding: Padding::Valid, bias: false };

    let x = g.add("input_1", Op::Input, &[]);
    let x = g.add("block1_conv1", conv(32, 2), &[x]);
    let x = g.add("block1_conv1_bn", Op::BatchNormalization, &[x]);
    let x = g.add("block1_conv1_act", Op::Relu, &[x]);
    let x = g.add("block1_conv2", conv(64, 1), &[x]);
    let x = g.add("block1_conv2_bn", Op::BatchNormalization, &[x]);
    let mut x = g.add("block1_conv2_act", Op::Relu, &[x]);

    let mut adds = 0;
    for (projection, (block, widths)) in [(2, [128, 128]), (3, [256, 256]), (4, [728, 728])].into_iter().enumerate() {
        x = downsampling(&mut g, block, x, widths, projection, &mut adds);
    }
    for block in 5..=12 {
        x = middle(&mut g, block, x, &mut adds);
    }
    let x = downsampling(&mut g, 13, x, [728, 1024], 3, &mut adds);

    let x = separable(&mut g, 14, 1, 1536, x);
    let x = g.add("block14_sepconv1_act", Op::Relu, &[x]);
    let x = separable(&mut g, 14, 2, 2048, x);
    let x = g.add("block14_sepconv2_act", Op::Relu, &[x]);
    g.add("global_average_pooling2d", Op::GlobalAveragePooling2D, &[x]);
    g.finish()
}

/// Two separable convolutions and a pooling, beside a strided 1x1 convolution. Block 2 has no activation before its
/// first convolution, since block 1 ends with one.
fn downsampling(
    g: &mut GraphBuilder,
    block: usize,
    input: usize,
    widths: [usize; 2],
    projection: usize,
    adds: &mut usize,
) -> usize {
    let mut x = input;
    if block != 2 {
        x = g.add(format!("block{block}_sepconv1_act"), Op::Relu, &[x]);
    }
    x = separable(g, block, 1, widths[0], x);
    x = g.add(format!("block{block}_sepconv2_act"), Op::Relu, &[x]);
    x = separable(g, block, 2, widths[1], x);

    let shortcut = Op::Conv2D { filters: widths[1], kernel: 1, stride: 2, padding: Padding::Same, bias: false };
    let residual = g.add(numbered("conv2d", projection), shortcut, &[input]);
    let pool = Op::MaxPooling2D { pool: 3, stride: 2, padding: Padding::Same };
    let x = g.add(format!("block{block}_pool"), pool, &[x]);
    let residual = g.add(numbered("batch_normalization", projection), Op::BatchNormalization, &[residual]);
    add(g, x, residual, adds)
}

/// Three separable convolutions beside the identity.
fn middle(g: &mut GraphBuilder, block: usize, input: usize, adds: &mut usize) -> usize {
    let mut x = input;
    for i in 1..=3 {
        x = g.add(format!("block{block}_sepconv{i}_act"), Op::Relu, &[x]);
        x = separable(g, block, i, 728, x);
    }
    add(g, x, input, adds)
}

fn separable(g: &mut GraphBuilder, block: usize, i: usize, filters: usize, x: usize) -> usize {
    let name = format!("block{block}_sepconv{i}");
    let x = g.add(name.as_str(), Op::SeparableConv2D { filters, kernel: 3 }, &[x]);
    g.add(format!("{name}_bn"), Op::BatchNormalization, &[x])
}

fn add(g: &mut GraphBuilder, x: usize, residual: usize, adds: &mut usize) -> usize {
    let name = numbered("add", *adds);
    *adds += 1;
    g.add(name, Op::Add, &[x, residual])
}

/// Keras' name for the `n`-th unnamed layer of a kind, counted from 0.
fn numbered(kind: &str, n: usize) -> String {
    if n == 0 { kind.to_owned() } else { format!("{kind}_{n}") }
}
