;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Imports from circle-b, which imports from it.
(component
  (import "test:circle/b@0.1.0" (instance $x (export "go" (func (result u32)))))
  (core func $go (canon lower (func $x "go")))
  (core module $m (import "" "go" (func $go (result i32))) (func (export "go") (result i32) (call $go)))
  (core instance $i (instantiate $m (with "" (instance (export "go" (func $go))))))
  (func $run (result u32) (canon lift (core func $i "go")))
  (instance $mine (export "go" (func $run)))
  (export "test:circle/a@0.1.0" (instance $mine)))
