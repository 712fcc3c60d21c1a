;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Spins in a call.
(component
  (core module $m
    (func (export "run") (result i32) (loop $l (br $l)) (unreachable)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
