;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Imports an interface that nobody offers.
(component
  (import "acme:rockets/launch@1.0.0" (instance $x (export "fire" (func))))
  (core func $f (canon lower (func $x "fire")))
  (core module $m (import "" "f" (func)) (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
