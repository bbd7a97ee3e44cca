// RUN: trine-opt %s -split-input-file -verify-diagnostics --place-ops

// expected-error @below {{placement 'graph.silu=gpu': unknown device 'gpu'; known are cpu, cuda, reference}}
module attributes {launch.cpu = "x86-64-v4", launch.place = ["graph.silu=gpu"]} {}

// -----

// expected-error @below {{expected PATTERN=DEVICE, got 'graph.silu'}}
module attributes {launch.cpu = "x86-64-v4", launch.place = ["graph.silu"]} {}

// -----

// expected-error @below {{placement 'graph.silu=cpu' matches no operation}}
module attributes {launch.cpu = "x86-64-v4", launch.place = ["graph.silu=cpu"]} {}

// -----

// expected-error @below {{unknown target 'tpu'}}
module attributes {launch.cpu = "x86-64-v4", launch.targets = ["tpu"]} {}
