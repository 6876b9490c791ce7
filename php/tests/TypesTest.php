<?php

declare(strict_types=1);

namespace PhpWorker\Tests;

use PHPStan\PhpDocParser\Ast\PhpDoc\InvalidTagValueNode;
use PHPStan\PhpDocParser\Ast\PhpDoc\PhpDocNode;
use PHPStan\PhpDocParser\Lexer\Lexer;
use PHPStan\PhpDocParser\Parser\ConstExprParser;
use PHPStan\PhpDocParser\Parser\PhpDocParser;
use PHPStan\PhpDocParser\Parser\TokenIterator;
use PHPStan\PhpDocParser\Parser\TypeParser;

/**
 * The types of the package, as PHPStan reads them: its own parser understands each of our comments,
 * and whatever PHP's types leave open (what an array holds, what a callable takes) stands in one.
 */
final class TypesTest extends TestCase
{
    /** Types of PHP that say too little. */
    private const OPEN = ['array', 'iterable', 'callable', 'Closure', 'Traversable', 'Iterator', 'Generator'];

    public static function setUpBeforeClass(): void
    {
        if ((@include_once 'PHPStan/PhpDocParser/autoload.php') === false) {
            self::markTestSkipped('the parser of PHPStan is missing: apt install php-phpstan-phpdoc-parser');
        }
        foreach (['HttpKernel', 'Runtime'] as $component) {
            @include_once "Symfony/Component/{$component}/autoload.php";
        }
    }

    /**
     * @dataProvider classes
     *
     * @param class-string $name
     */
    public function testWhatPHPLeavesOpenStandsInTheComment(string $name): void
    {
        try {
            $class = new \ReflectionClass($name);
        } catch (\Throwable $missing) {
            self::markTestSkipped($missing->getMessage());
        }
        $faults = $this->invalid($class->getDocComment(), $name);
        foreach ($class->getProperties() as $property) {
            if ($property->getDeclaringClass()->getName() !== $name) {
                continue;
            }
            $where = "{$name}::\${$property->getName()}";
            $faults = [...$faults, ...$this->invalid($property->getDocComment(), $where)];
            if (!$property->isPromoted()) {
                $said = \array_map(static fn($tag): string => (string) $tag->type, $this->doc($property->getDocComment())->getVarTagValues());
                $faults = [...$faults, ...self::open($property->getType(), $said[0] ?? null, $where)];
            }
        }
        foreach ($class->getMethods() as $method) {
            if ($method->getDeclaringClass()->getName() !== $name || $method->getFileName() !== $class->getFileName() || self::inherited($class, $method)) {
                continue;
            }
            $where = "{$name}::{$method->getName()}()";
            $faults = [...$faults, ...$this->invalid($method->getDocComment(), $where)];
            $doc = $this->doc($method->getDocComment());
            $said = [];
            foreach ($doc->getParamTagValues() as $tag) {
                $said[\ltrim($tag->parameterName, '$')] = (string) $tag->type;
            }
            foreach ($method->getParameters() as $parameter) {
                $faults = [...$faults, ...self::open($parameter->getType(), $said[$parameter->getName()] ?? null, "{$where}, \${$parameter->getName()}")];
                unset($said[$parameter->getName()]);
            }
            foreach ($said as $stranger => $type) {
                $faults[] = "{$where} has no parameter \${$stranger}";
            }
            $returns = \array_map(static fn($tag): string => (string) $tag->type, \array_values($doc->getReturnTagValues()));
            $faults = [...$faults, ...self::open($method->getReturnType(), $returns[0] ?? null, "{$where} returns")];
        }
        self::assertSame([], $faults);
    }

    /**
     * @return array<string, array{string}>
     */
    public static function classes(): array
    {
        $source = __DIR__ . '/../src/';
        $classes = [];
        foreach (new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator($source, \FilesystemIterator::SKIP_DOTS)) as $file) {
            $name = \substr(\strtr($file->getPathname(), [$source => '', '/' => '\\']), 0, -4);
            $classes[$name] = ["PhpWorker\\{$name}"];
        }

        return $classes;
    }

    /** @return list<string> */
    private function invalid(string|false $comment, string $where): array
    {
        $faults = [];
        foreach ($this->doc($comment)->getTags() as $tag) {
            if ($tag->value instanceof InvalidTagValueNode) {
                $faults[] = "{$where}: {$tag->name} {$tag->value->value}: {$tag->value->exception->getMessage()}";
            }
        }

        return $faults;
    }

    /** @return list<string> */
    private static function open(?\ReflectionType $type, ?string $said, string $where): array
    {
        $names = $type === null ? [] : \preg_split('/[?|&]/', (string) $type, -1, \PREG_SPLIT_NO_EMPTY);
        $open = \array_intersect($names, self::OPEN);

        return $open === [] || ($said !== null && \preg_match('/[<({]|\[\]/', $said) === 1) ? [] : ["{$where}: what of " . \implode(', ', $open) . '?'];
    }

    /** Whether an interface or a parent outside of the package says the types. */
    private static function inherited(\ReflectionClass $class, \ReflectionMethod $method): bool
    {
        foreach ([...$class->getInterfaces(), ...\array_filter([$class->getParentClass()])] as $above) {
            if ($above->hasMethod($method->getName()) && $method->getDocComment() === false) {
                return true;
            }
        }

        return false;
    }

    private function doc(string|false $comment): PhpDocNode
    {
        $constants = new ConstExprParser();

        return (new PhpDocParser(new TypeParser($constants), $constants))->parse(new TokenIterator((new Lexer())->tokenize($comment === false ? '/** */' : $comment)));
    }
}
