<?php

declare(strict_types=1);

namespace PhpWorker\Superglobals;

use PhpWorker\Request;
use PhpWorker\Upload;

/**
 * A request in the form of PHP's superglobals.
 *
 * @internal
 */
final class Variables
{
    /**
     * $_SERVER of the request, as PHP-FPM has it; the request's attributes are what fastcgi_param is there.
     *
     * @return array<string, mixed>
     */
    public static function server(Request $request, string $script): array
    {
        $server = $request->serverVariables($script);
        $server['CONTENT_LENGTH'] ??= (string) (\strlen($request->body . $request->formText) ?: '');
        $server['CONTENT_TYPE'] ??= '';
        $server['DOCUMENT_URI'] = $server['SCRIPT_NAME'];
        if (($server['PHP_AUTH_USER'] ?? '') !== '') {
            $server['REMOTE_USER'] = $server['PHP_AUTH_USER'];
        }
        foreach ($request->attributes as $name => $value) {
            if (\is_string($value)) {
                $server[$name] = $value;
            }
        }

        return $server;
    }

    /**
     * $_POST. Where the form came as the client has sent it, every byte of it is there, UTF-8 or not.
     *
     * @return array<array-key, mixed>
     */
    public static function form(Request $request): array
    {
        if ($request->formText === '' || \ini_get('arg_separator.input') !== '&') {
            return $request->parsedBody ?? [];
        }
        $form = [];
        \parse_str($request->formText, $form);

        return $form;
    }

    /**
     * $_COOKIE as PHP parses it: the first of a name counts, dots become underscores, brackets nest.
     *
     * @return array<array-key, mixed>
     */
    public static function cookies(Request $request): array
    {
        if (!isset($request->headers['cookie'])) {
            return [];
        }
        $pairs = [];
        foreach (\explode(';', \implode(';', $request->headers['cookie'])) as $pair) {
            [$name, $value] = \explode('=', \ltrim($pair), 2) + [1 => ''];
            if ($name !== '') {
                $pairs[$name] ??= \strtr($name, ['&' => '%26']) . '=' . \strtr($value, ['&' => '%26', '+' => '%2B']);
            }
        }
        $cookies = [];
        $pairs === [] || \parse_str(\implode('&', $pairs), $cookies);

        return $cookies;
    }

    /**
     * $_FILES, with PHP's own way of nesting: the fields of a group are by kind, then by name.
     *
     * @param array<array-key, mixed> $tree
     *
     * @return array<array-key, mixed>
     */
    public static function files(array $tree): array
    {
        $files = [];
        foreach ($tree as $field => $node) {
            $files[$field] = $node instanceof Upload ? self::leaf($node) : self::group((array) $node);
        }

        return $files;
    }

    /**
     * The paths of all files that have arrived.
     *
     * @param array<array-key, mixed> $tree
     *
     * @return array<string, true>
     */
    public static function paths(array $tree): array
    {
        $paths = [];
        \array_walk_recursive($tree, static function (mixed $node) use (&$paths): void {
            if ($node instanceof Upload && $node->ok()) {
                $paths[$node->tmpName] = true;
            }
        });

        return $paths;
    }

    /**
     * @return array<string, string|int>
     */
    private static function leaf(Upload $upload): array
    {
        return [
            'name' => \basename(\strtr($upload->name, '\\', '/')), 'full_path' => $upload->name, 'type' => $upload->mime,
            'tmp_name' => $upload->tmpName, 'error' => $upload->error, 'size' => $upload->size,
        ];
    }

    /**
     * @param array<array-key, mixed> $tree
     *
     * @return array<string, array<array-key, mixed>>
     */
    private static function group(array $tree): array
    {
        $group = ['name' => [], 'full_path' => [], 'type' => [], 'tmp_name' => [], 'error' => [], 'size' => []];
        foreach ($tree as $field => $node) {
            foreach ($node instanceof Upload ? self::leaf($node) : self::group((array) $node) as $kind => $value) {
                $group[$kind][$field] = $value;
            }
        }

        return $group;
    }
}
