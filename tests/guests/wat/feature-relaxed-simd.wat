;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Wants instructions whose results differ between processors.
(component
  (core module $m
    (func (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0))))
    (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
