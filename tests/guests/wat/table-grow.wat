;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Takes table elements without end.
(component
  (core module $m
    (table 1 funcref)
    (func (export "run") (result i32)
      (loop $l (drop (table.grow (ref.null func) (i32.const 64))) (br $l))
      (unreachable)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
