// Package site is the model of what is served where: servers, locations and
// their settings, neutral between an nginx.conf with push_stream directives and
// our own YAML. relay/conf fills it, relay/web serves it, and neither knows the
// other.
//
// # Files
//
//   - site: servers, addresses, and what is of all channels
//   - location: a path, its mode and settings
//   - match: how paths are compared with locations
//   - step: set, if, return, break
//   - variable: texts with variables
//   - padding: filler for some user agents
//   - builtin: what is served without a configuration
//
// # Invariants
//
//   - Inheritance is resolved: a Location is complete.
//   - A Site that is served is not changed any more. Two are compared by
//     reflect.DeepEqual of their Bare copies.
package site
