;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Declares more memory than it may ever have.
(component
  (core module $m
    (memory 2000)
    (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
