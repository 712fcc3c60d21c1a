;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Opens handles of a resource of its own without end.
(component
  (type $r (resource (rep i32)))
  (core func $new (canon resource.new $r))
  (core func $drop (canon resource.drop $r))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "open") (param $count i32) (result i32) (local $done i32)
      (loop $l
        (drop (call $new (i32.const 7)))
        (local.set $done (i32.add (local.get $done) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $done) (local.get $count))))
      (local.get $done))
    (func (export "drop-twice") (result i32) (local $h i32)
      (local.set $h (call $new (i32.const 7)))
      (call $drop (local.get $h))
      (call $drop (local.get $h))
      (i32.const 0))
    (func (export "forge") (result i32) (call $drop (i32.const 4711)) (i32.const 0)))
  (core instance $i (instantiate $m (with "" (instance (export "new" (func $new)) (export "drop" (func $drop))))))
  (func (export "open") (param "count" u32) (result u32) (canon lift (core func $i "open")))
  (func (export "drop-twice") (result u32) (canon lift (core func $i "drop-twice")))
  (func (export "forge") (result u32) (canon lift (core func $i "forge"))))
