package integration

import (
	"path/filepath"
	"testing"
)

// mapping are the tests of everything between HTTP and PHP that must be the same
// whatever package stands at the other end of the relay.
var mapping = []struct {
	name string
	test func(*testing.T, front)
}{
	{"requests", testRequests},
	{"responses", testResponses},
	{"streams", testStreams},
	{"answers without a body", testBodiless},
	{"answers beyond the bounds", testAnswerBounds},
	{"client gone", testClientGone},
	{"stream gone", testStreamGone},
	{"errors", testErrors},
	{"answers under load", testAnswersUnderLoad},
	{"exits", testExits},
	{"hostile requests", testHostile},
	{"file fields left empty", testUnchosen},
	{"large bodies", testLargeBodies},
}

func testMapping(t *testing.T, app front) {
	for _, m := range mapping {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			m.test(t, app)
		})
	}
}

func TestOurLoop(t *testing.T) {
	t.Parallel()
	for _, app := range loop.variants() {
		t.Run(app.name, func(t *testing.T) { testMapping(t, app) })
	}
}

func TestUnmodifiedRoadRunnerPackages(t *testing.T) {
	t.Parallel()
	for _, app := range unmodified(t) {
		for _, app := range app.variants() {
			t.Run(app.name, func(t *testing.T) { testMapping(t, app) })
		}
	}
}

// variants are the front with each relay and, where the packages can, each codec.
func (app front) variants() []front {
	with := func(option string) front {
		app := app
		app.name += ", " + option
		app.options = []string{option}
		return app
	}
	all := []front{app, with("relay unix"), with("relay stdio")}
	if dto, _ := filepath.Glob(filepath.Join(app.folder, "vendor", "roadrunner-php", "roadrunner-api-dto")); app.folder != "" && dto != nil {
		all = append(all, with("codec proto"))
	}
	return all
}
