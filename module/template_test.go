package module

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

func TestPlaceholdersAreReplacedAndOtherBracesStay(t *testing.T) {
	t.Setenv("HERE", "there")
	for value, want := range map[string]string{
		"":                                    "",
		"plain":                               "plain",
		"{env.HERE}":                          "there",
		"a{env.HERE}b{env.HERE}":              "athereb" + "there",
		"{env.NOT_SET}":                       "",
		`{}`:                                  `{}`,
		`{"a":1}`:                             `{"a":1}`,
		`{"a":{"b":"{env.HERE}"},"c":[{}]}`:   `{"a":{"b":"there"},"c":[{}]}`,
		`{'a': 1}`:                            `{'a': 1}`,
		"https://example.com/users/{id}{?q*}": "https://example.com/users/{id}{?q*}",
		"^[a-z]{1,3}.{2}$":                    "^[a-z]{1,3}.{2}$",
		"{1.5}":                               "{1.5}",
		"{ {env.HERE} }":                      "{ there }",
		"{{env.HERE}}":                        "{there}",
		"open { and } closed } {":             "open { and } closed } {",
		`\{env.HERE\}`:                        "{env.HERE}",
		`\{env.HERE}`:                         "{env.HERE}",
		`{env.HERE\}`:                         "{env.HERE}",
		"{custom}":                            "known",
		"{tenant}":                            "{tenant}",
	} {
		repl := caddy.NewReplacer()
		repl.Set("custom", "known")
		if got := parseTemplate(value).fill(repl); got != want {
			t.Errorf("%q became %q, want %q", value, got, want)
		}
	}
}

// The application would take the text for a user's name otherwise.
func TestAPlaceholderWithoutAValueBecomesNothingWithinARequest(t *testing.T) {
	if got := parseTemplate("user={http.auth.user.id};").fill(caddy.NewReplacer()); got != "user=;" {
		t.Errorf("it became %q", got)
	}
}

// A value that PHP is started with cannot know a request; nor is a typing error swallowed.
func TestAPlaceholderWithoutAValueIsRefusedWhereTheConfigurationIsLoaded(t *testing.T) {
	for what, c := range map[string]PoolConfig{
		"env A":   {Env: map[string]string{"A": "https://{http.request.host}/"}},
		"env B":   {Env: map[string]string{"B": "{evn.HOME}"}},
		"ini C":   {Ini: map[string]string{"C": "{http.vars.x}"}},
		"dir":     {Dir: "{http.vars.root}/app"},
		"name":    {Name: "{http.request.host}"},
		"script":  {Script: []string{"{http.vars.root}/worker.php"}},
		"command": {Command: []string{"php", "worker.php", "{http.vars.root}"}},
		"php":     {PHP: "{system.php}"},
	} {
		if len(c.Script) == 0 && len(c.Command) == 0 {
			c.Script = []string{"worker.php"}
		}
		err := c.prepare()
		if err == nil || !strings.HasPrefix(err.Error(), what+": the placeholder {") || !strings.Contains(err.Error(), `write \{`) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestWhatIsNoPlaceholderReachesPHPAsItIsWritten(t *testing.T) {
	t.Setenv("HERE", "there")
	c := PoolConfig{
		Command: []string{"php", "worker.php", `--json={"a":"{env.HERE}"}`},
		Env:     map[string]string{"JSON": `{"dsn":{"host":"{env.HERE}"}}`, "ROUTE": "/users/{id}"},
		Ini:     map[string]string{"app.route": "/users/{id}"},
	}
	if err := c.prepare(); err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		c.Command[2]:       `--json={"a":"there"}`,
		c.Env["JSON"]:      `{"dsn":{"host":"there"}}`,
		c.Env["ROUTE"]:     "/users/{id}",
		c.Ini["app.route"]: "/users/{id}",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestOfSeveralBadPlaceholdersTheFirstIsNamed(t *testing.T) {
	const bad = "{http.request.host}"
	for range 50 { // as often as a map has orders
		c := PoolConfig{Script: []string{"a.php", bad}, Env: map[string]string{"B": bad, "A": bad}, Ini: map[string]string{"z": bad, "y": bad, "x": "1"}, Dir: bad}
		for _, want := range []string{"script: ", "ini y: ", "ini z: ", "env A: ", "env B: ", "dir: "} {
			err := c.fillPlaceholders()
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Fatalf("got %v; want the error of %s", err, want)
			}
			switch field, name, _ := strings.Cut(strings.TrimSuffix(want, ": "), " "); field {
			case "script":
				c.Script = c.Script[:1]
			case "ini":
				c.Ini[name] = "1"
			case "env":
				c.Env[name] = "1"
			}
		}
	}
}
