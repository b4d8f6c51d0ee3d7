package tagging

import "reflect"

// FileType is the type that a rules file is read into.
var FileType = reflect.TypeFor[spec]()
