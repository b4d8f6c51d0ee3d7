// Package functions holds what belongs to the functions and is no code: the policies of their
// roles, that of the operator, and that of whoever only looks. It decides nothing.
package functions

import "embed"

//go:embed */ram-policy*.json *-policy.json
var files embed.FS

// Policy is the text of a policy: "purge/ram-policy.json" of a function's role,
// "operator-policy.json" of whoever decides.
func Policy(name string) ([]byte, error) { return files.ReadFile(name) }
