/**
 * Keeps the methods of strings as fast as they are, whoever extends `String` later on, as ioredis 6 and node-redis do.
 *
 * The first `class … extends String` in a process makes V8 turn `String.prototype` into a dictionary, unless it has seen it in use as the
 * prototype of an object. From then on no call of a string's method is compiled into its caller any more: `charCodeAt` takes six times as
 * long, everywhere in the process, for good (Node 20; see docs/adr/0011). A String object whose method is called a few times shows V8
 * that use. Nothing is changed.
 *
 * To be imported before whatever may extend `String`.
 */
const object = new String('x');
for (let times = 0; times < 1_000; times += 1) object.charCodeAt(0);

// Makes it a module.
export {};
