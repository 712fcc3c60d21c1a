;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Makes not-a-numbers by arithmetic, whose bits processors disagree about.
(component
  (core module $m
    (func (export "run") (result i32)
      (i32.wrap_i64 (i64.shr_u (i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const -0))) (i64.const 48)))))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
