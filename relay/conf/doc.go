// Package conf is the configuration: from the YAML file, the environment and
// the flags to one checked Config.
//
// A flag beats a variable, a variable beats the file, the file beats the
// default. One rule names them all: the key nats.listen of the file is the flag
// --nats-listen and the variable ALERTRELAY_NATS_LISTEN. Whatever is unknown or
// makes no sense stops the start with its place, its name and how to mend it;
// all of it is told at once.
//
// # Files
//
//   - config: what a configuration holds
//   - settings: the table of single-valued settings, one line each
//   - load: putting the sources together, and what must fit together
//   - yaml: the file, strictly
//   - group, route, watchdog: the lists of the file
//   - source, auth, rules: who may post alerts, what he shows, and how it is read
//   - api, tokens: who may acknowledge and silence, and in whose name
//   - secret: texts that are not shown, and reading them from files
//   - units, address: values in human form
//   - suggest: the nearest valid name
//   - describe, source_describe: what a configuration means, in words
//   - source_help: the keys of who may post
//
// What is served where is a site.Site, which is read from our YAML or from an
// nginx.conf, and can be written as our YAML:
//
//   - path, padding, variable, template: values in it, and what is wrong with them
//   - inherit: what locations take from their server
//   - nginx, nginx_token, nginx_parse, nginx_rules, nginx_others, nginx_units:
//     reading an nginx.conf into scopes
//   - nginx_server, nginx_location, nginx_step, nginx_push: what directives mean
//   - nginx_build, nginx_vary, nginx_refuse: inheritance, and the Site of the scopes
//   - yaml_site, yaml_server, yaml_location, yaml_step: reading a Site from YAML
//   - site_yaml, yaml_write: writing it
//   - site_describe, site_help: in words
//   - site_load: a Site's part in a Config
//
// What a route's pattern means is known to package alerts only; relay/app has it
// checked there and adds the place from Route.Origin. So it is with matchers of
// watchdogs and with the mapping of a source, whose text keeps its place.
package conf
