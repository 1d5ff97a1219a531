/**
 * A labelled choice.
 */
interface Props {
  id: string;
  label: string;
  options: readonly { value: string; title: string }[];
  value: string;
  /** The element is for those that may refuse the choice and show the old one again. */
  onChoose(value: string, element: HTMLSelectElement): void;
}

export function Select({ id, label, options, value, onChoose }: Props) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <span class="select">
        <select
          id={id}
          value={value}
          onChange={({ currentTarget }) => onChoose(currentTarget.value, currentTarget)}
        >
          {options.map((option) => (
            <option key={option.value} value={option.value} selected={option.value === value}>
              {option.title}
            </option>
          ))}
        </select>
      </span>
    </div>
  );
}
