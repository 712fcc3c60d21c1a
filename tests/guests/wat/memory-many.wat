;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Takes memory in eight memories of eight core instances, each of which stays small.
(component
  (core module $m
    (memory 1)
    (func (export "grow") (drop (memory.grow (i32.const 8)))))
  (core instance $i0 (instantiate $m))
  (core instance $i1 (instantiate $m))
  (core instance $i2 (instantiate $m))
  (core instance $i3 (instantiate $m))
  (core instance $i4 (instantiate $m))
  (core instance $i5 (instantiate $m))
  (core instance $i6 (instantiate $m))
  (core instance $i7 (instantiate $m))
  (core module $main
    (import "i0" "grow" (func $g0))
    (import "i1" "grow" (func $g1))
    (import "i2" "grow" (func $g2))
    (import "i3" "grow" (func $g3))
    (import "i4" "grow" (func $g4))
    (import "i5" "grow" (func $g5))
    (import "i6" "grow" (func $g6))
    (import "i7" "grow" (func $g7))
    (func (export "run") (result i32) (loop $l (call $g0) (call $g1) (call $g2) (call $g3) (call $g4) (call $g5) (call $g6) (call $g7) (br $l)) (unreachable)))
  (core instance $i (instantiate $main (with "i0" (instance $i0)) (with "i1" (instance $i1)) (with "i2" (instance $i2)) (with "i3" (instance $i3)) (with "i4" (instance $i4)) (with "i5" (instance $i5)) (with "i6" (instance $i6)) (with "i7" (instance $i7))))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
