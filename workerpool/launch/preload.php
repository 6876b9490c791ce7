<?php

// Written by php_worker for the parent of one pool, which runs it before its first request: compiles the files whose names
// the file "list" beside it has, one behind each NUL. Only those that hold nothing but one class of a namespace that has the name
// of the file: to know such a class early changes nothing, where it is loaded when somebody asks for it. A file with
// functions, constants or code does more than that, and a class of another name, or outside of a namespace, may be
// one of several to choose from. Nothing of a file runs.
(static function (): void {
    // Classes without their parents are left out by PHP itself, with a warning for each.
    error_reporting(E_ALL & ~E_WARNING & ~E_NOTICE & ~E_DEPRECATED);
    $say = static fn(string $what) => file_put_contents('php://stderr', "preload: $what\n");
    if (PHP_VERSION_ID < 80000 || !class_exists('PhpToken', false)) {
        $say('nothing: it needs PHP 8 with the extension tokenizer');
        return;
    }
    // The name of the class in a file, in lower case; "" where it holds anything else.
    $class = static function (string $code, string $file): string {
        $tokens = array_values(array_filter(PhpToken::tokenize($code), static fn(PhpToken $t) => !$t->isIgnorable()));
        if (in_array(T_CLOSE_TAG, array_column($tokens, 'id'), true)) {
            return ''; // it ends a statement, too, and anything may follow
        }
        $tokens[] = new PhpToken(0, '');
        $namespace = '';
        $found = '';
        $at = 0;
        $skip = static function (string ...$until) use ($tokens, &$at): string {
            $text = '';
            for (; isset($tokens[$at + 1]) && !in_array($tokens[$at]->text, $until, true); $at++) {
                $text .= $tokens[$at]->text;
            }
            return $text;
        };
        // What lies between brackets of one kind, of which the first comes next. Their texts may be parts of a string, too.
        $over = static function (array $open, int $close) use ($tokens, &$at): void {
            $depth = 0;
            do {
                $depth += in_array($tokens[$at]->id, $open, true) ? 1 : ($tokens[$at]->id === $close ? -1 : 0);
                $at++;
            } while ($depth > 0 && isset($tokens[$at]));
        };
        while (isset($tokens[$at + 1])) {
            switch (strtolower($tokens[$at]->text)) {
                case 'namespace':
                    $at++;
                    $namespace = strtolower($skip(';', '{'));
                    if ($tokens[$at]->text !== ';' || $found !== '') {
                        return '';
                    }
                    $at++;
                    break;
                case 'use':
                    $skip(';');
                    $at++;
                    break;
                case 'declare':
                    $at++;
                    if (preg_match('/^\(strict_types=[01]\)$/Di', $skip(';')) !== 1) {
                        return '';
                    }
                    $at++;
                    break;
                case '#[':
                    $over([T_ATTRIBUTE, ord('[')], ord(']'));
                    break;
                case 'abstract':
                case 'final':
                case 'readonly':
                    $at++;
                    break;
                case 'class':
                case 'interface':
                case 'trait':
                case 'enum':
                    $name = $tokens[$at + 1]->text;
                    if ($namespace === '' || $found !== '' || $name . '.php' !== basename($file)) {
                        return '';
                    }
                    $found = $namespace . '\\' . strtolower($name);
                    $skip('{');
                    $over([ord('{'), T_CURLY_OPEN, T_DOLLAR_OPEN_CURLY_BRACES], ord('}'));
                    break;
                case 'class_exists':
                case '\class_exists':
                case 'interface_exists':
                case '\interface_exists':
                    // Symfony's way to name what else is worth preloading.
                    $at++;
                    if (preg_match('/^\(\\\\?[\w\\\\]+::class\)$/D', $skip(';')) !== 1) {
                        return '';
                    }
                    $at++;
                    break;
                default:
                    return '';
            }
        }
        return $found;
    };
    $of = $refused = [];
    $list = explode("\0", (string) file_get_contents(__DIR__ . '/list'));
    foreach ($list as $file) {
        $code = is_file($file) && filesize($file) < 1 << 19 ? (string) file_get_contents($file) : '';
        if (str_starts_with($code, '<?php') && ($name = $class($code, $file)) !== '') {
            $of[$name][] = $file;
        }
    }
    // A class that several files have, or that is there without any, is not ours to choose.
    $files = array_merge(...array_values(array_filter($of, static fn(array $in, string $name) => count($in) === 1
        && !class_exists($name, false) && !interface_exists($name, false) && !trait_exists($name, false), ARRAY_FILTER_USE_BOTH)));
    foreach ($files as $file) {
        try {
            if (!opcache_compile_file($file)) {
                $refused[] = $file;
            }
        } catch (Throwable $e) {
            $refused[] = $file . ' (' . $e->getMessage() . ')';
        }
    }
    $say(count($files) - count($refused) . ' of ' . count($list) . ' files, those with nothing but a class of a namespace'
        . ($refused === [] ? '' : '; PHP refuses ' . implode(', ', $refused)));
})();
