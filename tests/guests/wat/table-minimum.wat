;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Declares a larger table than it may ever have.
(component
  (core module $m
    (table 15000 funcref)
    (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
