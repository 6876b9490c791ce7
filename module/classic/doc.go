// Package classic decides which PHP script answers a request, as PHP-FPM behind a correct web
// server would run it, and what PHP is told of the request. It knows no HTTP server's configuration
// and starts nothing: it gets a root and the path of a URL, and asks the disk in few system calls.
//
// # Which script
//
// [Router.Resolve] tries the candidates of [Rules.TryFiles] in their order; the first that exists
// decides. What is found is a script only where all of this holds:
//
//   - it is a regular file, and its name ends in one of [Rules.Split], in just this case;
//   - it lies below the root when all symbolic links are followed. The root itself may be, or lie
//     behind, a link: [Router.Resolve] resolves it for each request, so that a link current -> releases/42 is
//     followed from the first request on after it has been changed;
//   - no element of its name below the root starts with a dot (but /.well-known at the top), and
//     none has a backslash, a colon, a control character, or a dot or space at its end;
//   - it lies below none of [Rules.Deny].
//
// A file that exists and is none is never executed, and nothing else is executed in its place:
// the answer is 404, or 403 below Deny. Behind the name of a script that exists may follow a PATH_INFO.
//
// # What PHP is told
//
// [Request] makes the parameters that the fastcgi.conf of nginx has, from the request, the script and what
// the server knows of the client. A client's header cannot replace any of them.
//
// All functions are safe for concurrent use.
package classic
