// Package mapping makes alerts of any JSON, as a mapping says: where the alert's
// identity, status, labels and texts are. It knows no sender; what it knows of
// some is in presets/*.yaml.
//
// # A mapping
//
//	identity: [monitor.id]            # what stays the same while the alert fires
//	status:
//	  from: heartbeat.status
//	  firing: ["0"]
//	  resolved: ["1"]
//	  suppressed: ["3"]               # also: acknowledged, and ignored, which
//	labels:                           # is taken and means nothing
//	  alertname: monitor.name
//	  instance: [monitor.hostname, monitor.url]      # the first that is there
//	  severity: {from: level, map: {5: critical, 4: warning, "*": info}}
//	  env: =production                # always the same
//	  "*": monitor.tags               # all of an object, or of a list of tags
//	annotations: {summary: msg}
//	starts_at: since                  # RFC 3339, or Unix time in s, ms, us or ns
//	ends_at: {from: until, layout: "2006-01-02 15:04:05", zone: Europe/Berlin}
//
// Further keys: each, form, reported_at, generator_url, links, values, reason, by,
// comment; Config describes them.
//
// # Where a value is from
//
//   - a path of gjson: data.event.title, tags.0, tags.#(name=="team").value. With
//     "each" it begins at an element of that list.
//   - "$." and a path, which begins at the whole body
//   - "$header." and the name of a header: "$header.Ce-Subject"
//   - "=" and a constant: "=critical"; "=" alone is the empty one
//
// Of several the first that is not empty counts. A map goes over each that is not
// a constant; what it makes empty is passed over, and what is not in it stays,
// unless "*" says what becomes of the rest. Words are compared without regard to
// case, and in lists of statuses "*" at either end stands for anything.
//
// # Files
//
//   - config: a mapping as it is written, and reading it from YAML
//   - value: where a value is from
//   - build: checking a mapping
//   - mapping: what it makes of a body
//   - body: JSON out of forms
//   - preset: mappings that are built in
//
// # Invariants
//
//   - What no rule fits is an alerts.UnmappedError, and never silently nothing.
//   - Errors name keys and paths of the mapping, and quote nothing of a body.
package mapping
