;; SPDX-License-Identifier: MIT OR Apache-2.0
;; The neighbour: a guest that behaves. It must work whatever happened beside it.
(component
  (core module $m
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  (func (export "add") (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add"))))
