package retention

import "reflect"

// FileType is the type that a policy file is read into.
var FileType = reflect.TypeFor[document]()
