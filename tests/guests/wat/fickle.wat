;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Breaks, burns fuel without end, or works, as it is told.
(component
  (core module $m
    (func (export "work") (param $breaks i32) (result i32)
      (if (local.get $breaks) (then (unreachable)))
      (i32.const 7))
    (func (export "spin") (param $spins i32) (result i32)
      (if (local.get $spins) (then (loop $again (br $again))))
      (i32.const 7)))
  (core instance $i (instantiate $m))
  (func (export "work") (param "breaks" bool) (result u32) (canon lift (core func $i "work")))
  (func (export "spin") (param "spins" bool) (result u32) (canon lift (core func $i "spin"))))
