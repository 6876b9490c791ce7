// Package migrate writes the Caddyfile of a site that has been served by nginx and PHP-FPM: [Files] reads the one's
// configuration and the other's pools, [Result] has the Caddyfile and what the reader must know of it. It knows no
// Caddy: what it writes is text, and that Caddy adapts this text is tested elsewhere.
//
// # What it promises
//
//   - Every line of the Caddyfile that comes of something says of what: "# nginx.conf:12".
//   - Nothing is dropped silently. A directive has a line of the Caddyfile, or it is among [Result.Done], because
//     Caddy or php_worker does it without being told, or it is among [Result.Left] and in a comment at its place.
//   - What is left may make the site stricter and never more open: where a password or a condition cannot be
//     carried over, the place is closed until somebody has looked at it.
//
// # How locations are carried over
//
// nginx chooses one location for a request: an exact one (=), else the longest prefix if it has ^~, else the first
// regular expression, else the longest prefix. So that this choice stays, locations become handle blocks, of which Caddy
// takes one, in a route block, which keeps their order. "location /" and the one that runs PHP are what is left
// over: php_worker at the end. A location that only answers (return, deny) is one line where no handle before it goes on.
package migrate
