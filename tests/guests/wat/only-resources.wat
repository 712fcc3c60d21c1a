;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Exports only a function that deals in handles, which cannot be a tool.
(component
  (type $r0 (resource (rep i32)))
  (export $r "thing" (type $r0))
  (core func $new (canon resource.new $r))
  (core module $m (import "" "new" (func $new (param i32) (result i32))) (func (export "make") (result i32) (call $new (i32.const 1))))
  (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
  (func (export "make") (result (own $r)) (canon lift (core func $i "make"))))
