;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Exports the interface with other types.
(component
  (core module $m (func (export "add") (param i64 i32) (result i32) (local.get 1)))
  (core instance $i (instantiate $m))
  (func $add (param "a" u64) (param "b" u32) (result u32) (canon lift (core func $i "add")))
  (instance $ops (export "add" (func $add)))
  (export "test:math/ops@0.1.0" (instance $ops)))
