;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Wants garbage collection.
(component
  (core module $m
    (type $s (struct (field i32))) (func (drop (struct.new_default $s)))
    (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
