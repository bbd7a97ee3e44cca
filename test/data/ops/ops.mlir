// Written by test/oracle/ops.py.

func.func @linear(%x: tensor<?x?x40xf32> {graph.name = "x", graph.dims = ["B", "S3"]}, %w: tensor<33x40xf32> {graph.name = "w"})
    -> (tensor<?x?x33xf32> {graph.name = "result"}) {
  %r = graph.linear %x, %w : tensor<?x?x40xf32>, tensor<33x40xf32> -> tensor<?x?x33xf32>
  return %r : tensor<?x?x33xf32>
}

func.func @linear_bias(%x: tensor<?x?x40xf32> {graph.name = "x", graph.dims = ["B", "S3"]}, %w: tensor<33x40xf32> {graph.name = "w"}, %b: tensor<33xf32> {graph.name = "b"})
    -> (tensor<?x?x33xf32> {graph.name = "result"}) {
  %r = graph.linear %x, %w bias %b : tensor<?x?x40xf32>, tensor<33x40xf32>, tensor<33xf32> -> tensor<?x?x33xf32>
  return %r : tensor<?x?x33xf32>
}

func.func @linear_wide(%x: tensor<?x?x129xf32> {graph.name = "x", graph.dims = ["B", "S1"]}, %w: tensor<70x129xf32> {graph.name = "w"})
    -> (tensor<?x?x70xf32> {graph.name = "result"}) {
  %r = graph.linear %x, %w : tensor<?x?x129xf32>, tensor<70x129xf32> -> tensor<?x?x70xf32>
  return %r : tensor<?x?x70xf32>
}

func.func @linear_wide_bias(%x: tensor<?x?x129xf32> {graph.name = "x", graph.dims = ["B", "S1"]}, %w: tensor<70x129xf32> {graph.name = "w"}, %b: tensor<70xf32> {graph.name = "b"})
    -> (tensor<?x?x70xf32> {graph.name = "result"}) {
  %r = graph.linear %x, %w bias %b : tensor<?x?x129xf32>, tensor<70x129xf32>, tensor<70xf32> -> tensor<?x?x70xf32>
  return %r : tensor<?x?x70xf32>
}

func.func @linear_flat(%x: tensor<9x17xf32> {graph.name = "x"}, %w: tensor<5x17xf32> {graph.name = "w"})
    -> (tensor<9x5xf32> {graph.name = "result"}) {
  %r = graph.linear %x, %w : tensor<9x17xf32>, tensor<5x17xf32> -> tensor<9x5xf32>
  return %r : tensor<9x5xf32>
}

func.func @linear_flat_bias(%x: tensor<9x17xf32> {graph.name = "x"}, %w: tensor<5x17xf32> {graph.name = "w"}, %b: tensor<5xf32> {graph.name = "b"})
    -> (tensor<9x5xf32> {graph.name = "result"}) {
  %r = graph.linear %x, %w bias %b : tensor<9x17xf32>, tensor<5x17xf32>, tensor<5xf32> -> tensor<9x5xf32>
  return %r : tensor<9x5xf32>
}

func.func @gated_silu(%x: tensor<?x?x24xf32> {graph.name = "x", graph.dims = ["B", "S5"]}, %g: tensor<40x24xf32> {graph.name = "g"}, %u: tensor<40x24xf32> {graph.name = "u"})
    -> (tensor<?x?x40xf32> {graph.name = "result"}) {
  %r = graph.gated silu %x, %g, %u : tensor<?x?x24xf32>, tensor<40x24xf32>, tensor<40x24xf32> -> tensor<?x?x40xf32>
  return %r : tensor<?x?x40xf32>
}

func.func @gated_gelu(%x: tensor<?x?x24xf32> {graph.name = "x", graph.dims = ["B", "S5"]}, %g: tensor<40x24xf32> {graph.name = "g"}, %u: tensor<40x24xf32> {graph.name = "u"})
    -> (tensor<?x?x40xf32> {graph.name = "result"}) {
  %r = graph.gated gelu %x, %g, %u : tensor<?x?x24xf32>, tensor<40x24xf32>, tensor<40x24xf32> -> tensor<?x?x40xf32>
  return %r : tensor<?x?x40xf32>
}

func.func @gated_gelu_tanh(%x: tensor<?x?x24xf32> {graph.name = "x", graph.dims = ["B", "S5"]}, %g: tensor<40x24xf32> {graph.name = "g"}, %u: tensor<40x24xf32> {graph.name = "u"})
    -> (tensor<?x?x40xf32> {graph.name = "result"}) {
  %r = graph.gated gelu_tanh %x, %g, %u : tensor<?x?x24xf32>, tensor<40x24xf32>, tensor<40x24xf32> -> tensor<?x?x40xf32>
  return %r : tensor<?x?x40xf32>
}

func.func @gated_relu(%x: tensor<?x?x24xf32> {graph.name = "x", graph.dims = ["B", "S5"]}, %g: tensor<40x24xf32> {graph.name = "g"}, %u: tensor<40x24xf32> {graph.name = "u"})
    -> (tensor<?x?x40xf32> {graph.name = "result"}) {
  %r = graph.gated relu %x, %g, %u : tensor<?x?x24xf32>, tensor<40x24xf32>, tensor<40x24xf32> -> tensor<?x?x40xf32>
  return %r : tensor<?x?x40xf32>
}

func.func @matmul(%a: tensor<2x3x5x19xf32> {graph.name = "a"}, %b: tensor<2x3x19x7xf32> {graph.name = "b"})
    -> (tensor<2x3x5x7xf32> {graph.name = "result"}) {
  %r = graph.matmul %a, %b : tensor<2x3x5x19xf32>, tensor<2x3x19x7xf32> -> tensor<2x3x5x7xf32>
  return %r : tensor<2x3x5x7xf32>
}

func.func @matmul_t(%a: tensor<2x3x5x19xf32> {graph.name = "a"}, %b: tensor<2x3x7x19xf32> {graph.name = "b"})
    -> (tensor<2x3x5x7xf32> {graph.name = "result"}) {
  %r = graph.matmul %a, %b transpose_b : tensor<2x3x5x19xf32>, tensor<2x3x7x19xf32> -> tensor<2x3x5x7xf32>
  return %r : tensor<2x3x5x7xf32>
}

func.func @attention_plain(%q: tensor<?x?x4x16xf32> {graph.name = "q", graph.dims = ["B", "S9"]}, %k: tensor<?x?x2x16xf32> {graph.name = "k", graph.dims = ["B", "S9"]}, %v: tensor<?x?x2x16xf32> {graph.name = "v", graph.dims = ["B", "S9"]})
    -> (tensor<?x?x4x16xf32> {graph.name = "result"}) {
  %r = graph.attention %q, %k, %v scale 0.25 : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32> -> tensor<?x?x4x16xf32>
  return %r : tensor<?x?x4x16xf32>
}

func.func @attention_causal(%q: tensor<?x?x4x16xf32> {graph.name = "q", graph.dims = ["B", "S9"]}, %k: tensor<?x?x2x16xf32> {graph.name = "k", graph.dims = ["B", "S9"]}, %v: tensor<?x?x2x16xf32> {graph.name = "v", graph.dims = ["B", "S9"]})
    -> (tensor<?x?x4x16xf32> {graph.name = "result"}) {
  %r = graph.attention %q, %k, %v causal scale 0.25 : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32> -> tensor<?x?x4x16xf32>
  return %r : tensor<?x?x4x16xf32>
}

func.func @attention_mask(%q: tensor<?x?x4x16xf32> {graph.name = "q", graph.dims = ["B", "S9"]}, %k: tensor<?x?x2x16xf32> {graph.name = "k", graph.dims = ["B", "S9"]}, %v: tensor<?x?x2x16xf32> {graph.name = "v", graph.dims = ["B", "S9"]}, %mask: tensor<?x?xi32> {graph.name = "mask", graph.dims = ["B", "S9"]})
    -> (tensor<?x?x4x16xf32> {graph.name = "result"}) {
  %r = graph.attention %q, %k, %v mask %mask scale 0.25 : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32> mask tensor<?x?xi32> -> tensor<?x?x4x16xf32>
  return %r : tensor<?x?x4x16xf32>
}

func.func @attention_mask_none(%q: tensor<?x?x4x16xf32> {graph.name = "q", graph.dims = ["B", "S9"]}, %k: tensor<?x?x2x16xf32> {graph.name = "k", graph.dims = ["B", "S9"]}, %v: tensor<?x?x2x16xf32> {graph.name = "v", graph.dims = ["B", "S9"]}, %mask: tensor<?x?xi32> {graph.name = "mask", graph.dims = ["B", "S9"]})
    -> (tensor<?x?x4x16xf32> {graph.name = "result"}) {
  %r = graph.attention %q, %k, %v mask %mask scale 0.25 : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32> mask tensor<?x?xi32> -> tensor<?x?x4x16xf32>
  return %r : tensor<?x?x4x16xf32>
}

func.func @attention_softcap(%q: tensor<?x?x4x16xf32> {graph.name = "q", graph.dims = ["B", "S9"]}, %k: tensor<?x?x2x16xf32> {graph.name = "k", graph.dims = ["B", "S9"]}, %v: tensor<?x?x2x16xf32> {graph.name = "v", graph.dims = ["B", "S9"]})
    -> (tensor<?x?x4x16xf32> {graph.name = "result"}) {
  %r = graph.attention %q, %k, %v causal scale 0.25 softcap 0.75 : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32> -> tensor<?x?x4x16xf32>
  return %r : tensor<?x?x4x16xf32>
}

func.func @attention_window(%q: tensor<?x?x4x16xf32> {graph.name = "q", graph.dims = ["B", "S9"]}, %k: tensor<?x?x2x16xf32> {graph.name = "k", graph.dims = ["B", "S9"]}, %v: tensor<?x?x2x16xf32> {graph.name = "v", graph.dims = ["B", "S9"]})
    -> (tensor<?x?x4x16xf32> {graph.name = "result"}) {
  %r = graph.attention %q, %k, %v causal scale 0.25 window 3 : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32> -> tensor<?x?x4x16xf32>
  return %r : tensor<?x?x4x16xf32>
}

func.func @attention_scale(%q: tensor<?x?x4x16xf32> {graph.name = "q", graph.dims = ["B", "S9"]}, %k: tensor<?x?x2x16xf32> {graph.name = "k", graph.dims = ["B", "S9"]}, %v: tensor<?x?x2x16xf32> {graph.name = "v", graph.dims = ["B", "S9"]})
    -> (tensor<?x?x4x16xf32> {graph.name = "result"}) {
  %r = graph.attention %q, %k, %v scale 0.4 : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32> -> tensor<?x?x4x16xf32>
  return %r : tensor<?x?x4x16xf32>
}

func.func @attention_one_head(%q: tensor<?x?x3x8xf32> {graph.name = "q", graph.dims = ["B", "S5"]}, %k: tensor<?x?x1x8xf32> {graph.name = "k", graph.dims = ["B", "S5"]}, %v: tensor<?x?x1x8xf32> {graph.name = "v", graph.dims = ["B", "S5"]})
    -> (tensor<?x?x3x8xf32> {graph.name = "result"}) {
  %r = graph.attention %q, %k, %v scale 0.25 : tensor<?x?x3x8xf32>, tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32> -> tensor<?x?x3x8xf32>
  return %r : tensor<?x?x3x8xf32>
}

func.func @attention_value_width(%q: tensor<?x?x4x16xf32> {graph.name = "q", graph.dims = ["B", "S9"]}, %k: tensor<?x?x2x16xf32> {graph.name = "k", graph.dims = ["B", "S9"]}, %v: tensor<?x?x2x24xf32> {graph.name = "v", graph.dims = ["B", "S9"]})
    -> (tensor<?x?x4x24xf32> {graph.name = "result"}) {
  %r = graph.attention %q, %k, %v causal scale 0.25 : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x24xf32> -> tensor<?x?x4x24xf32>
  return %r : tensor<?x?x4x24xf32>
}

func.func @attention_long(%q: tensor<?x?x2x32xf32> {graph.name = "q", graph.dims = ["B", "S33"]}, %k: tensor<?x?x2x32xf32> {graph.name = "k", graph.dims = ["B", "S130"]}, %v: tensor<?x?x2x32xf32> {graph.name = "v", graph.dims = ["B", "S130"]})
    -> (tensor<?x?x2x32xf32> {graph.name = "result"}) {
  %r = graph.attention %q, %k, %v scale 0.25 : tensor<?x?x2x32xf32>, tensor<?x?x2x32xf32>, tensor<?x?x2x32xf32> -> tensor<?x?x2x32xf32>
  return %r : tensor<?x?x2x32xf32>
}

func.func @attention_past(%q: tensor<?x?x4x16xf32> {graph.name = "q", graph.dims = ["B", "S3"]}, %k: tensor<?x?x2x16xf32> {graph.name = "k", graph.dims = ["B", "S40"]}, %v: tensor<?x?x2x16xf32> {graph.name = "v", graph.dims = ["B", "S40"]}, %past: tensor<?xi32> {graph.name = "past", graph.dims = ["B"]})
    -> (tensor<?x?x4x16xf32> {graph.name = "result"}) {
  %r = graph.attention %q, %k, %v past %past causal scale 0.25 : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, past tensor<?xi32> -> tensor<?x?x4x16xf32>
  return %r : tensor<?x?x4x16xf32>
}

func.func @attention_past_window(%q: tensor<?x?x4x16xf32> {graph.name = "q", graph.dims = ["B", "S1"]}, %k: tensor<?x?x2x16xf32> {graph.name = "k", graph.dims = ["B", "S40"]}, %v: tensor<?x?x2x16xf32> {graph.name = "v", graph.dims = ["B", "S40"]}, %past: tensor<?xi32> {graph.name = "past", graph.dims = ["B"]})
    -> (tensor<?x?x4x16xf32> {graph.name = "result"}) {
  %r = graph.attention %q, %k, %v past %past causal scale 0.25 window 7 : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, past tensor<?xi32> -> tensor<?x?x4x16xf32>
  return %r : tensor<?x?x4x16xf32>
}

func.func @rope_half(%x: tensor<?x?x3x16xf32> {graph.name = "x", graph.dims = ["B", "S5"]}, %p: tensor<?x?xi32> {graph.name = "p", graph.dims = ["B", "S5"]})
    -> (tensor<?x?x3x16xf32> {graph.name = "result"}) {
  %r = graph.rope half %x, %p theta 10000.0 dims 16 : tensor<?x?x3x16xf32>, tensor<?x?xi32> -> tensor<?x?x3x16xf32>
  return %r : tensor<?x?x3x16xf32>
}

func.func @rope_interleaved(%x: tensor<?x?x3x16xf32> {graph.name = "x", graph.dims = ["B", "S5"]}, %p: tensor<?x?xi32> {graph.name = "p", graph.dims = ["B", "S5"]})
    -> (tensor<?x?x3x16xf32> {graph.name = "result"}) {
  %r = graph.rope interleaved %x, %p theta 10000.0 dims 16 : tensor<?x?x3x16xf32>, tensor<?x?xi32> -> tensor<?x?x3x16xf32>
  return %r : tensor<?x?x3x16xf32>
}

func.func @rope_partial(%x: tensor<?x?x3x16xf32> {graph.name = "x", graph.dims = ["B", "S5"]}, %p: tensor<?x?xi32> {graph.name = "p", graph.dims = ["B", "S5"]})
    -> (tensor<?x?x3x16xf32> {graph.name = "result"}) {
  %r = graph.rope half %x, %p theta 100.0 dims 8 : tensor<?x?x3x16xf32>, tensor<?x?xi32> -> tensor<?x?x3x16xf32>
  return %r : tensor<?x?x3x16xf32>
}

func.func @rope_linear(%x: tensor<?x?x3x16xf32> {graph.name = "x", graph.dims = ["B", "S5"]}, %p: tensor<?x?xi32> {graph.name = "p", graph.dims = ["B", "S5"]})
    -> (tensor<?x?x3x16xf32> {graph.name = "result"}) {
  %r = graph.rope half %x, %p theta 10000.0 dims 16 scaling <linear, factor = 4.0 : f64, low = 1.0 : f64, high = 1.0 : f64, original_length = 0, attention = 1.0 : f64> : tensor<?x?x3x16xf32>, tensor<?x?xi32> -> tensor<?x?x3x16xf32>
  return %r : tensor<?x?x3x16xf32>
}

func.func @rope_llama3(%x: tensor<?x?x3x16xf32> {graph.name = "x", graph.dims = ["B", "S5"]}, %p: tensor<?x?xi32> {graph.name = "p", graph.dims = ["B", "S5"]})
    -> (tensor<?x?x3x16xf32> {graph.name = "result"}) {
  %r = graph.rope half %x, %p theta 5000.0 dims 16 scaling <llama3, factor = 8.0 : f64, low = 1.0 : f64, high = 4.0 : f64, original_length = 32, attention = 1.0 : f64> : tensor<?x?x3x16xf32>, tensor<?x?xi32> -> tensor<?x?x3x16xf32>
  return %r : tensor<?x?x3x16xf32>
}

func.func @rope_yarn(%x: tensor<?x?x3x16xf32> {graph.name = "x", graph.dims = ["B", "S5"]}, %p: tensor<?x?xi32> {graph.name = "p", graph.dims = ["B", "S5"]})
    -> (tensor<?x?x3x16xf32> {graph.name = "result"}) {
  %r = graph.rope half %x, %p theta 10000.0 dims 16 scaling <yarn, factor = 4.0 : f64, low = 1.0 : f64, high = 32.0 : f64, original_length = 64, attention = 1.138629436111989 : f64> : tensor<?x?x3x16xf32>, tensor<?x?xi32> -> tensor<?x?x3x16xf32>
  return %r : tensor<?x?x3x16xf32>
}

func.func @rms_norm(%x: tensor<?x?x33xf32> {graph.name = "x", graph.dims = ["B", "S4"]}, %w: tensor<33xf32> {graph.name = "w"})
    -> (tensor<?x?x33xf32> {graph.name = "result"}) {
  %r = graph.rms_norm %x, %w epsilon 1.000000e-05 : tensor<?x?x33xf32>, tensor<33xf32> -> tensor<?x?x33xf32>
  return %r : tensor<?x?x33xf32>
}

func.func @rms_norm_offset(%x: tensor<?x?x33xf32> {graph.name = "x", graph.dims = ["B", "S4"]}, %w: tensor<33xf32> {graph.name = "w"})
    -> (tensor<?x?x33xf32> {graph.name = "result"}) {
  %r = graph.rms_norm %x, %w epsilon 1.000000e-06 {offset = 1.0 : f64} : tensor<?x?x33xf32>, tensor<33xf32> -> tensor<?x?x33xf32>
  return %r : tensor<?x?x33xf32>
}

func.func @layer_norm(%x: tensor<?x?x33xf32> {graph.name = "x", graph.dims = ["B", "S4"]}, %w: tensor<33xf32> {graph.name = "w"}, %b: tensor<33xf32> {graph.name = "b"})
    -> (tensor<?x?x33xf32> {graph.name = "result"}) {
  %r = graph.layer_norm %x, %w, %b epsilon 1.0e-12 : tensor<?x?x33xf32>, tensor<33xf32>, tensor<33xf32> -> tensor<?x?x33xf32>
  return %r : tensor<?x?x33xf32>
}

func.func @softmax(%x: tensor<?x?x33xf32> {graph.name = "x", graph.dims = ["B", "S4"]})
    -> (tensor<?x?x33xf32> {graph.name = "result"}) {
  %r = graph.softmax %x : tensor<?x?x33xf32>
  return %r : tensor<?x?x33xf32>
}

func.func @normalize(%x: tensor<?x?x33xf32> {graph.name = "x", graph.dims = ["B", "S4"]})
    -> (tensor<?x?x33xf32> {graph.name = "result"}) {
  %r = graph.normalize %x : tensor<?x?x33xf32>
  return %r : tensor<?x?x33xf32>
}

func.func @pool_mean(%x: tensor<?x?x33xf32> {graph.name = "x", graph.dims = ["B", "S4"]}, %m: tensor<?x?xi32> {graph.name = "m", graph.dims = ["B", "S4"]})
    -> (tensor<?x33xf32> {graph.name = "result"}) {
  %r = graph.pool mean %x, %m : tensor<?x?x33xf32>, tensor<?x?xi32> -> tensor<?x33xf32>
  return %r : tensor<?x33xf32>
}

func.func @pool_max(%x: tensor<?x?x33xf32> {graph.name = "x", graph.dims = ["B", "S4"]}, %m: tensor<?x?xi32> {graph.name = "m", graph.dims = ["B", "S4"]})
    -> (tensor<?x33xf32> {graph.name = "result"}) {
  %r = graph.pool max %x, %m : tensor<?x?x33xf32>, tensor<?x?xi32> -> tensor<?x33xf32>
  return %r : tensor<?x33xf32>
}

func.func @pool_cls(%x: tensor<?x?x33xf32> {graph.name = "x", graph.dims = ["B", "S4"]}, %m: tensor<?x?xi32> {graph.name = "m", graph.dims = ["B", "S4"]})
    -> (tensor<?x33xf32> {graph.name = "result"}) {
  %r = graph.pool cls %x, %m : tensor<?x?x33xf32>, tensor<?x?xi32> -> tensor<?x33xf32>
  return %r : tensor<?x33xf32>
}

func.func @neg(%x: tensor<?x61xf32> {graph.name = "x", graph.dims = ["B"]})
    -> (tensor<?x61xf32> {graph.name = "result"}) {
  %r = graph.neg %x : tensor<?x61xf32>
  return %r : tensor<?x61xf32>
}

func.func @abs(%x: tensor<?x61xf32> {graph.name = "x", graph.dims = ["B"]})
    -> (tensor<?x61xf32> {graph.name = "result"}) {
  %r = graph.abs %x : tensor<?x61xf32>
  return %r : tensor<?x61xf32>
}

func.func @sqrt(%x: tensor<?x61xf32> {graph.name = "x", graph.dims = ["B"]})
    -> (tensor<?x61xf32> {graph.name = "result"}) {
  %r = graph.sqrt %x : tensor<?x61xf32>
  return %r : tensor<?x61xf32>
}

func.func @rsqrt(%x: tensor<?x61xf32> {graph.name = "x", graph.dims = ["B"]})
    -> (tensor<?x61xf32> {graph.name = "result"}) {
  %r = graph.rsqrt %x : tensor<?x61xf32>
  return %r : tensor<?x61xf32>
}

func.func @exp(%x: tensor<?x61xf32> {graph.name = "x", graph.dims = ["B"]})
    -> (tensor<?x61xf32> {graph.name = "result"}) {
  %r = graph.exp %x : tensor<?x61xf32>
  return %r : tensor<?x61xf32>
}

func.func @erf(%x: tensor<?x61xf32> {graph.name = "x", graph.dims = ["B"]})
    -> (tensor<?x61xf32> {graph.name = "result"}) {
  %r = graph.erf %x : tensor<?x61xf32>
  return %r : tensor<?x61xf32>
}

func.func @tanh(%x: tensor<?x61xf32> {graph.name = "x", graph.dims = ["B"]})
    -> (tensor<?x61xf32> {graph.name = "result"}) {
  %r = graph.tanh %x : tensor<?x61xf32>
  return %r : tensor<?x61xf32>
}

func.func @sigmoid(%x: tensor<?x61xf32> {graph.name = "x", graph.dims = ["B"]})
    -> (tensor<?x61xf32> {graph.name = "result"}) {
  %r = graph.sigmoid %x : tensor<?x61xf32>
  return %r : tensor<?x61xf32>
}

func.func @silu(%x: tensor<?x61xf32> {graph.name = "x", graph.dims = ["B"]})
    -> (tensor<?x61xf32> {graph.name = "result"}) {
  %r = graph.silu %x : tensor<?x61xf32>
  return %r : tensor<?x61xf32>
}

func.func @relu(%x: tensor<?x61xf32> {graph.name = "x", graph.dims = ["B"]})
    -> (tensor<?x61xf32> {graph.name = "result"}) {
  %r = graph.relu %x : tensor<?x61xf32>
  return %r : tensor<?x61xf32>
}

func.func @gelu(%x: tensor<?x61xf32> {graph.name = "x", graph.dims = ["B"]})
    -> (tensor<?x61xf32> {graph.name = "result"}) {
  %r = graph.gelu %x : tensor<?x61xf32>
  return %r : tensor<?x61xf32>
}

func.func @gelu_tanh(%x: tensor<?x61xf32> {graph.name = "x", graph.dims = ["B"]})
    -> (tensor<?x61xf32> {graph.name = "result"}) {
  %r = graph.gelu_tanh %x : tensor<?x61xf32>
  return %r : tensor<?x61xf32>
}

func.func @add(%a: tensor<?x?x9xf32> {graph.name = "a", graph.dims = ["B", "S3"]}, %b: tensor<?x?x9xf32> {graph.name = "b", graph.dims = ["B", "S3"]})
    -> (tensor<?x?x9xf32> {graph.name = "result"}) {
  %r = graph.add %a, %b : tensor<?x?x9xf32>, tensor<?x?x9xf32> -> tensor<?x?x9xf32>
  return %r : tensor<?x?x9xf32>
}

func.func @add_row(%a: tensor<?x?x9xf32> {graph.name = "a", graph.dims = ["B", "S3"]}, %b: tensor<9xf32> {graph.name = "b"})
    -> (tensor<?x?x9xf32> {graph.name = "result"}) {
  %r = graph.add %a, %b : tensor<?x?x9xf32>, tensor<9xf32> -> tensor<?x?x9xf32>
  return %r : tensor<?x?x9xf32>
}

func.func @add_column(%a: tensor<2x3x1xf32> {graph.name = "a"}, %b: tensor<1x3x9xf32> {graph.name = "b"})
    -> (tensor<2x3x9xf32> {graph.name = "result"}) {
  %r = graph.add %a, %b : tensor<2x3x1xf32>, tensor<1x3x9xf32> -> tensor<2x3x9xf32>
  return %r : tensor<2x3x9xf32>
}

func.func @sub(%a: tensor<?x?x9xf32> {graph.name = "a", graph.dims = ["B", "S3"]}, %b: tensor<?x?x9xf32> {graph.name = "b", graph.dims = ["B", "S3"]})
    -> (tensor<?x?x9xf32> {graph.name = "result"}) {
  %r = graph.sub %a, %b : tensor<?x?x9xf32>, tensor<?x?x9xf32> -> tensor<?x?x9xf32>
  return %r : tensor<?x?x9xf32>
}

func.func @sub_row(%a: tensor<?x?x9xf32> {graph.name = "a", graph.dims = ["B", "S3"]}, %b: tensor<9xf32> {graph.name = "b"})
    -> (tensor<?x?x9xf32> {graph.name = "result"}) {
  %r = graph.sub %a, %b : tensor<?x?x9xf32>, tensor<9xf32> -> tensor<?x?x9xf32>
  return %r : tensor<?x?x9xf32>
}

func.func @sub_column(%a: tensor<2x3x1xf32> {graph.name = "a"}, %b: tensor<1x3x9xf32> {graph.name = "b"})
    -> (tensor<2x3x9xf32> {graph.name = "result"}) {
  %r = graph.sub %a, %b : tensor<2x3x1xf32>, tensor<1x3x9xf32> -> tensor<2x3x9xf32>
  return %r : tensor<2x3x9xf32>
}

func.func @mul(%a: tensor<?x?x9xf32> {graph.name = "a", graph.dims = ["B", "S3"]}, %b: tensor<?x?x9xf32> {graph.name = "b", graph.dims = ["B", "S3"]})
    -> (tensor<?x?x9xf32> {graph.name = "result"}) {
  %r = graph.mul %a, %b : tensor<?x?x9xf32>, tensor<?x?x9xf32> -> tensor<?x?x9xf32>
  return %r : tensor<?x?x9xf32>
}

func.func @mul_row(%a: tensor<?x?x9xf32> {graph.name = "a", graph.dims = ["B", "S3"]}, %b: tensor<9xf32> {graph.name = "b"})
    -> (tensor<?x?x9xf32> {graph.name = "result"}) {
  %r = graph.mul %a, %b : tensor<?x?x9xf32>, tensor<9xf32> -> tensor<?x?x9xf32>
  return %r : tensor<?x?x9xf32>
}

func.func @mul_column(%a: tensor<2x3x1xf32> {graph.name = "a"}, %b: tensor<1x3x9xf32> {graph.name = "b"})
    -> (tensor<2x3x9xf32> {graph.name = "result"}) {
  %r = graph.mul %a, %b : tensor<2x3x1xf32>, tensor<1x3x9xf32> -> tensor<2x3x9xf32>
  return %r : tensor<2x3x9xf32>
}

func.func @div(%a: tensor<?x?x9xf32> {graph.name = "a", graph.dims = ["B", "S3"]}, %b: tensor<?x?x9xf32> {graph.name = "b", graph.dims = ["B", "S3"]})
    -> (tensor<?x?x9xf32> {graph.name = "result"}) {
  %r = graph.div %a, %b : tensor<?x?x9xf32>, tensor<?x?x9xf32> -> tensor<?x?x9xf32>
  return %r : tensor<?x?x9xf32>
}

func.func @div_row(%a: tensor<?x?x9xf32> {graph.name = "a", graph.dims = ["B", "S3"]}, %b: tensor<9xf32> {graph.name = "b"})
    -> (tensor<?x?x9xf32> {graph.name = "result"}) {
  %r = graph.div %a, %b : tensor<?x?x9xf32>, tensor<9xf32> -> tensor<?x?x9xf32>
  return %r : tensor<?x?x9xf32>
}

func.func @div_column(%a: tensor<2x3x1xf32> {graph.name = "a"}, %b: tensor<1x3x9xf32> {graph.name = "b"})
    -> (tensor<2x3x9xf32> {graph.name = "result"}) {
  %r = graph.div %a, %b : tensor<2x3x1xf32>, tensor<1x3x9xf32> -> tensor<2x3x9xf32>
  return %r : tensor<2x3x9xf32>
}

func.func @max(%a: tensor<?x?x9xf32> {graph.name = "a", graph.dims = ["B", "S3"]}, %b: tensor<?x?x9xf32> {graph.name = "b", graph.dims = ["B", "S3"]})
    -> (tensor<?x?x9xf32> {graph.name = "result"}) {
  %r = graph.max %a, %b : tensor<?x?x9xf32>, tensor<?x?x9xf32> -> tensor<?x?x9xf32>
  return %r : tensor<?x?x9xf32>
}

func.func @max_row(%a: tensor<?x?x9xf32> {graph.name = "a", graph.dims = ["B", "S3"]}, %b: tensor<9xf32> {graph.name = "b"})
    -> (tensor<?x?x9xf32> {graph.name = "result"}) {
  %r = graph.max %a, %b : tensor<?x?x9xf32>, tensor<9xf32> -> tensor<?x?x9xf32>
  return %r : tensor<?x?x9xf32>
}

func.func @max_column(%a: tensor<2x3x1xf32> {graph.name = "a"}, %b: tensor<1x3x9xf32> {graph.name = "b"})
    -> (tensor<2x3x9xf32> {graph.name = "result"}) {
  %r = graph.max %a, %b : tensor<2x3x1xf32>, tensor<1x3x9xf32> -> tensor<2x3x9xf32>
  return %r : tensor<2x3x9xf32>
}

func.func @min(%a: tensor<?x?x9xf32> {graph.name = "a", graph.dims = ["B", "S3"]}, %b: tensor<?x?x9xf32> {graph.name = "b", graph.dims = ["B", "S3"]})
    -> (tensor<?x?x9xf32> {graph.name = "result"}) {
  %r = graph.min %a, %b : tensor<?x?x9xf32>, tensor<?x?x9xf32> -> tensor<?x?x9xf32>
  return %r : tensor<?x?x9xf32>
}

func.func @min_row(%a: tensor<?x?x9xf32> {graph.name = "a", graph.dims = ["B", "S3"]}, %b: tensor<9xf32> {graph.name = "b"})
    -> (tensor<?x?x9xf32> {graph.name = "result"}) {
  %r = graph.min %a, %b : tensor<?x?x9xf32>, tensor<9xf32> -> tensor<?x?x9xf32>
  return %r : tensor<?x?x9xf32>
}

func.func @min_column(%a: tensor<2x3x1xf32> {graph.name = "a"}, %b: tensor<1x3x9xf32> {graph.name = "b"})
    -> (tensor<2x3x9xf32> {graph.name = "result"}) {
  %r = graph.min %a, %b : tensor<2x3x1xf32>, tensor<1x3x9xf32> -> tensor<2x3x9xf32>
  return %r : tensor<2x3x9xf32>
}

func.func @cast_f32_bf16(%x: tensor<4x16xf32> {graph.name = "x"})
    -> (tensor<4x16xbf16> {graph.name = "result"}) {
  %r = graph.cast %x : tensor<4x16xf32> -> tensor<4x16xbf16>
  return %r : tensor<4x16xbf16>
}

func.func @cast_f32_f16(%x: tensor<4x16xf32> {graph.name = "x"})
    -> (tensor<4x16xf16> {graph.name = "result"}) {
  %r = graph.cast %x : tensor<4x16xf32> -> tensor<4x16xf16>
  return %r : tensor<4x16xf16>
}

func.func @cast_bf16_f32(%x: tensor<4x16xbf16> {graph.name = "x"})
    -> (tensor<4x16xf32> {graph.name = "result"}) {
  %r = graph.cast %x : tensor<4x16xbf16> -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

func.func @cast_f16_f32(%x: tensor<4x16xf16> {graph.name = "x"})
    -> (tensor<4x16xf32> {graph.name = "result"}) {
  %r = graph.cast %x : tensor<4x16xf16> -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

func.func @cast_f32_i32(%x: tensor<1x8xf32> {graph.name = "x"})
    -> (tensor<1x8xi32> {graph.name = "result"}) {
  %r = graph.cast %x : tensor<1x8xf32> -> tensor<1x8xi32>
  return %r : tensor<1x8xi32>
}

func.func @cast_i32_f32(%x: tensor<1x6xi32> {graph.name = "x"})
    -> (tensor<1x6xf32> {graph.name = "result"}) {
  %r = graph.cast %x : tensor<1x6xi32> -> tensor<1x6xf32>
  return %r : tensor<1x6xf32>
}

func.func @gather(%t: tensor<11x6xf32> {graph.name = "t"}, %i: tensor<2x4xi32> {graph.name = "i"})
    -> (tensor<2x4x6xf32> {graph.name = "result"}) {
  %r = graph.gather %t, %i : tensor<11x6xf32>, tensor<2x4xi32> -> tensor<2x4x6xf32>
  return %r : tensor<2x4x6xf32>
}

func.func @transpose(%x: tensor<2x3x4x5xf32> {graph.name = "x"})
    -> (tensor<2x4x3x5xf32> {graph.name = "result"}) {
  %r = graph.transpose %x by [0, 2, 1, 3] : tensor<2x3x4x5xf32> -> tensor<2x4x3x5xf32>
  return %r : tensor<2x4x3x5xf32>
}

func.func @slice(%x: tensor<2x3x4x5xf32> {graph.name = "x"})
    -> (tensor<2x3x2x5xf32> {graph.name = "result"}) {
  %r = graph.slice %x axis 2 start 1 size 2 : tensor<2x3x4x5xf32> -> tensor<2x3x2x5xf32>
  return %r : tensor<2x3x2x5xf32>
}

func.func @reshape(%x: tensor<2x3x4x5xf32> {graph.name = "x"})
    -> (tensor<2x6x10xf32> {graph.name = "result"}) {
  %r = graph.reshape %x to [0, -1, 10] : tensor<2x3x4x5xf32> -> tensor<2x6x10xf32>
  return %r : tensor<2x6x10xf32>
}

func.func @concat(%x: tensor<2x3x4x5xf32> {graph.name = "x"}, %y: tensor<2x3x2x5xf32> {graph.name = "y"})
    -> (tensor<2x3x6x5xf32> {graph.name = "result"}) {
  %r = graph.concat %x, %y axis 2 : tensor<2x3x4x5xf32>, tensor<2x3x2x5xf32> -> tensor<2x3x6x5xf32>
  return %r : tensor<2x3x6x5xf32>
}

func.func @last_token(%x: tensor<?x?x6xf32> {graph.name = "x", graph.dims = ["B", "S4"]})
    -> (tensor<?x6xf32> {graph.name = "result"}) {
  %r = graph.last_token %x : tensor<?x?x6xf32> -> tensor<?x6xf32>
  return %r : tensor<?x6xf32>
}

func.func @last_token_lengths(%x: tensor<?x?x6xf32> {graph.name = "x", graph.dims = ["B", "S4"]}, %n: tensor<?xi32> {graph.name = "n", graph.dims = ["B"]})
    -> (tensor<?x6xf32> {graph.name = "result"}) {
  %r = graph.last_token %x lengths %n : tensor<?x?x6xf32>, tensor<?xi32> -> tensor<?x6xf32>
  return %r : tensor<?x6xf32>
}

func.func @positions(%x: tensor<?x?x6xf32> {graph.name = "x", graph.dims = ["B", "S4"]}, %p: tensor<?xi32> {graph.name = "p", graph.dims = ["B"]})
    -> (tensor<?x?xi32> {graph.name = "result"}) {
  %r = graph.positions %x after %p : tensor<?x?x6xf32>, tensor<?xi32> -> tensor<?x?xi32>
  return %r : tensor<?x?xi32>
}

func.func @route_softmax_indices(%x: tensor<?x?x8xf32> {graph.name = "x", graph.dims = ["B", "S5"]})
    -> (tensor<?x?x2xi32> {graph.name = "result"}) {
  %r, %w = graph.route softmax %x top 2 normalize {scale = 1.0} : tensor<?x?x8xf32> -> tensor<?x?x2xi32>, tensor<?x?x2xf32>
  return %r : tensor<?x?x2xi32>
}

func.func @route_softmax(%x: tensor<?x?x8xf32> {graph.name = "x", graph.dims = ["B", "S5"]})
    -> (tensor<?x?x2xf32> {graph.name = "result"}) {
  %i, %r = graph.route softmax %x top 2 normalize {scale = 1.0} : tensor<?x?x8xf32> -> tensor<?x?x2xi32>, tensor<?x?x2xf32>
  return %r : tensor<?x?x2xf32>
}

func.func @route_plain_indices(%x: tensor<?x?x11xf32> {graph.name = "x", graph.dims = ["B", "S5"]})
    -> (tensor<?x?x3xi32> {graph.name = "result"}) {
  %r, %w = graph.route softmax %x top 3 {scale = 0.5} : tensor<?x?x11xf32> -> tensor<?x?x3xi32>, tensor<?x?x3xf32>
  return %r : tensor<?x?x3xi32>
}

func.func @route_plain(%x: tensor<?x?x11xf32> {graph.name = "x", graph.dims = ["B", "S5"]})
    -> (tensor<?x?x3xf32> {graph.name = "result"}) {
  %i, %r = graph.route softmax %x top 3 {scale = 0.5} : tensor<?x?x11xf32> -> tensor<?x?x3xi32>, tensor<?x?x3xf32>
  return %r : tensor<?x?x3xf32>
}

func.func @route_groups_indices(%x: tensor<?x?x24xf32> {graph.name = "x", graph.dims = ["B", "S5"]}, %b: tensor<24xf32> {graph.name = "b"})
    -> (tensor<?x?x4xi32> {graph.name = "result"}) {
  %r, %w = graph.route sigmoid %x bias %b top 4 groups 4 limit 2 normalize {scale = 2.5} : tensor<?x?x24xf32>, tensor<24xf32> -> tensor<?x?x4xi32>, tensor<?x?x4xf32>
  return %r : tensor<?x?x4xi32>
}

func.func @route_groups(%x: tensor<?x?x24xf32> {graph.name = "x", graph.dims = ["B", "S5"]}, %b: tensor<24xf32> {graph.name = "b"})
    -> (tensor<?x?x4xf32> {graph.name = "result"}) {
  %i, %r = graph.route sigmoid %x bias %b top 4 groups 4 limit 2 normalize {scale = 2.5} : tensor<?x?x24xf32>, tensor<24xf32> -> tensor<?x?x4xi32>, tensor<?x?x4xf32>
  return %r : tensor<?x?x4xf32>
}

func.func @expert_gated(%x: tensor<?x?x24xf32> {graph.name = "x", graph.dims = ["B", "S3"]}, %i: tensor<?x?x3xi32> {graph.name = "i", graph.dims = ["B", "S3"]}, %eg: tensor<5x20x24xf32> {graph.name = "eg"}, %eu: tensor<5x20x24xf32> {graph.name = "eu"})
    -> (tensor<?x?x3x20xf32> {graph.name = "result"}) {
  %r = graph.expert_gated silu %x, %i, %eg, %eu : tensor<?x?x24xf32>, tensor<?x?x3xi32>, tensor<5x20x24xf32>, tensor<5x20x24xf32> -> tensor<?x?x3x20xf32>
  return %r : tensor<?x?x3x20xf32>
}

func.func @expert_linear(%x: tensor<?x?x3x20xf32> {graph.name = "x", graph.dims = ["B", "S3"]}, %i: tensor<?x?x3xi32> {graph.name = "i", graph.dims = ["B", "S3"]}, %f: tensor<?x?x3xf32> {graph.name = "f", graph.dims = ["B", "S3"]}, %ew: tensor<5x17x20xf32> {graph.name = "ew"})
    -> (tensor<?x?x17xf32> {graph.name = "result"}) {
  %r = graph.expert_linear %x, %i, %f, %ew : tensor<?x?x3x20xf32>, tensor<?x?x3xi32>, tensor<?x?x3xf32>, tensor<5x17x20xf32> -> tensor<?x?x17xf32>
  return %r : tensor<?x?x17xf32>
}

func.func @grouped_linear(%x: tensor<?x?x4x24xf32> {graph.name = "x", graph.dims = ["B", "S3"]}, %ew: tensor<4x70x24xf32> {graph.name = "ew"})
    -> (tensor<?x?x4x70xf32> {graph.name = "result"}) {
  %r = graph.grouped_linear %x, %ew : tensor<?x?x4x24xf32>, tensor<4x70x24xf32> -> tensor<?x?x4x70xf32>
  return %r : tensor<?x?x4x70xf32>
}

func.func @grouped_linear_t(%x: tensor<?x?x4x24xf32> {graph.name = "x", graph.dims = ["B", "S3"]}, %ew: tensor<4x24x70xf32> {graph.name = "ew"})
    -> (tensor<?x?x4x70xf32> {graph.name = "result"}) {
  %r = graph.grouped_linear %x, %ew transposed : tensor<?x?x4x24xf32>, tensor<4x24x70xf32> -> tensor<?x?x4x70xf32>
  return %r : tensor<?x?x4x70xf32>
}
