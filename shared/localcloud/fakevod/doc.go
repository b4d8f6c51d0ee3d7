// Package fakevod is ApsaraVideo VOD on loopback: the RPC face with its signatures,
// limits, error words and answer shapes, a library that takes real media files,
// probes and "transcodes" them, and the notifications that follow. It is written
// from the provider's documentation alone and shares no code with any client.
//
// # Emulated
//
// The gateway, in the documented order: method, action and version, common
// parameters, timestamp (±15 min of the real clock), access key and STS token or bearer
// token, signature (v1 over query and form, or ACS3-HMAC-SHA256 over headers, query and
// the hash of a form or JSON body), nonce reuse, calls per second, RAM policy. Answers in
// XML, the default, and JSON. STS GetCallerIdentity and AssumeRole on the same face. The operations of
// [Operations], with their partial outcomes and nesting, and of each the parameters of
// [Parameters] with their types and limits; any other parameter, and any other operation
// on what the library holds, is refused with 501 NotImplemented and its name. SearchMedia with the Match grammar, sort
// orders, both ways of paging, and an index that may lag. Uploads with STS
// credentials for exactly one object, probed for what they are (package probe lists the
// containers); what the probe cannot read is refused with LocalCloud.NotEmulated, a code
// that VOD does not have. Template groups, streams, snapshots; storage classes and restores, which take
// the library's time, and what each class costs ([Server.Storage]); applications as a
// partition of the library. Notifications by HTTP or into a queue, filtered per
// application, in causal order for each media and otherwise in the order of the seed.
//
// # Partly
//
// Streams and snapshots are records without bytes; reading of IA is counted where a job reads
// a source, not where somebody plays or downloads one. Analysis and review find what
// [Server.SetFindings] says, and such jobs are done when the call that submits one is
// answered. Plays are those that [Server.AddViews] counts. URLs have the provider's form;
// those of the bucket (OutputType oss) are signed, lead to the object store and end after
// AuthTimeout, those of a CDN lead nowhere here. A notification that was not delivered when the process died is
// lost, as it is when three attempts fail. Fuzzy search is "contains" (or words, by a
// switch). UserData passes Extend through and may divert the notifications of an upload
// or a job to an HTTP address of its own; to a queue of its own it may not. A stale read knows the version before the last
// write of each media, for a minute after it.
//
// # Never
//
// DRM, editing, live recording, CDN caches, real transcoding.
//
// # Doubtful
//
// Where the documentation is silent or contradicts itself, [Doubtful] has a switch.
//
// # Why
//
// Assets are immutable values behind one lock: a snapshot is a copied map, a lagging
// index holds old pointers, and a journal line is the asset itself.
package fakevod
