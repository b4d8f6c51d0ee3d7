package localcloud

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// doubts are the switches of each service for what the provider's documents leave open.
func (s *Services) doubts() map[string]any {
	return map[string]any{"vod": &s.VOD.Doubtful, "mns": &s.MNS.Doubts, "fc": &s.FC.Doubts}
}

// Readings lists the switches of a service for what the provider's documents leave open,
// by their names: vod, mns or fc. The comments of fakevod.Doubtful, fakemns.Doubts and
// fakefc.Doubts say what each one chooses.
func Readings(service string) (names []string) {
	var s Services
	of, ok := s.doubts()[service]
	if !ok {
		return nil
	}
	t := reflect.TypeOf(of).Elem()
	for i := range t.NumField() {
		if t.Field(i).Type.Kind() == reflect.Bool {
			names = append(names, t.Field(i).Name)
		}
	}
	return names
}

// read turns switches on.
func (s *Services) read(names []string) error {
	for _, name := range names {
		found := false
		for service, of := range s.doubts() {
			if slices.Contains(Readings(service), name) {
				reflect.ValueOf(of).Elem().FieldByName(name).SetBool(true)
				found = true
			}
		}
		if !found {
			return fmt.Errorf("reading %q: it is one of %s", name, strings.Join(slices.Concat(Readings("vod"), Readings("mns"), Readings("fc")), ", "))
		}
	}
	return nil
}
