// Package functions holds what belongs to the functions and is no code: the policies of their
// roles, that of the operator, and that of whoever only looks. It decides nothing.
package functions

import (
	"embed"
	"io/fs"
	"path"
)

//go:embed */ram-policy*.json *-policy.json
var files embed.FS

// Policy is the text of a policy: "purge/ram-policy.json", "operator-policy.json". Each but
// the ones that *-policy.json names is of one function's role.
func Policy(name string) ([]byte, error) { return files.ReadFile(name) }

// Policies names all of them, sorted.
func Policies() []string {
	var all []string
	for _, pattern := range []string{"*-policy.json", "*/ram-policy*.json"} {
		found, err := fs.Glob(files, path.Clean(pattern))
		if err != nil {
			panic(err) // the patterns are ours
		}
		all = append(all, found...)
	}
	return all
}
