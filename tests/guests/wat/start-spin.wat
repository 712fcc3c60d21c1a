;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Spins in the start function, before anything is called.
(component
  (core module $m
    (func $spin (loop $l (br $l)))
    (start $spin)
    (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
